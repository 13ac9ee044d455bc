"""Recorded captures of packets, their labels and manifest: data, no code. See README.md."""
