"""The recorded programs. Each module has ``ATTACKS`` and ``record(run, sandbox, trace)``."""
