"""Counts what happens in the shop."""
