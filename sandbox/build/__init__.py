"""Writes a corner shop into a folder: `prepare` and `reset`."""
