"""Detectors that are networks: what they learn, how they score, how they follow live threads."""
