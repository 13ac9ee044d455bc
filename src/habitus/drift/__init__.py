"""Drift: whether new normal traces are still the population that thresholds were set on."""
