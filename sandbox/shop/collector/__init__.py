"""Collects the log lines of all parts of the shop in one place."""
