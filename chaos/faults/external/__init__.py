"""Faults outside, and of what is agreed with it."""
