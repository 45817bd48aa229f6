"""Faults of settings, environments and releases."""
