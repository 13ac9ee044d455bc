"""Judging models of flows: labelled flows, honest splits, metrics by file, and a data doctor."""
