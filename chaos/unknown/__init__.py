"""Faults of every kind that an administrator meets and no runbook tells of: one file per family."""
