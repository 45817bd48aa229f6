"""Diagnosis of an incident that somebody else recorded, of a system never seen: no portal, database or processes."""
