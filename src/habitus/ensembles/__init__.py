"""Ensembles: several detectors of unlike kinds, and one score made of theirs."""
