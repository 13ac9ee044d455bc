"""Data sets: the data home, what Habitus knows of public ones, and what ``--data`` means."""
