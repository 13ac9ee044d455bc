"""From surprise to decision: scores, thresholds under a false-alarm budget, and what to expect."""
