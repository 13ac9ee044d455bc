"""Evaluation: protocols, metrics, and results that say how they came about."""
