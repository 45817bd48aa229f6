"""The pages of what changed: the list with its filter, and one change."""
