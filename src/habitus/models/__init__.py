"""Models: a fitted detector with its decisions, how it is made, and the folder it is kept in."""
