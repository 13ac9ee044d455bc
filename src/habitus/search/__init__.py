"""Hyper-parameter search: many trainings side by side, judged by what needs no attack."""
