"""Many files side by side on an engine, with the results of one after the other."""
