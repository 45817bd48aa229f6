"""Faults of the network between the parts."""
