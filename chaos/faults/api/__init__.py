"""Faults of the front door and the api."""
