"""The version of Habitus, in the one place from which packaging and models read it."""

__version__ = "0.1.0"
