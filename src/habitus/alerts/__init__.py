"""Alerts: traces scored as they are read, what is strange about them, and records of it."""
