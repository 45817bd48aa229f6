"""Faults of the cache and of the queues."""
