"""Two models on the same units: kept results read again, paired differences, and their page."""
