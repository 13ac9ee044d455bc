"""The corpus: what hundreds of Linux programs do at work, recorded by the names of their calls."""
