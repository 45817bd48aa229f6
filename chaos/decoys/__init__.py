"""Harmless changes: what a person or a deploy does all day, and no trouble comes of."""
