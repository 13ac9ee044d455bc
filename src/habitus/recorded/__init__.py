"""Recorded system-call traces and their manifest: data, no code. See README.md."""
