"""Faults of processes and what they may use."""
