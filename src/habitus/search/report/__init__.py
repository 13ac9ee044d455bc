"""What a search has found, in pictures and on a page."""
