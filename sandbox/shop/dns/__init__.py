"""A small resolver for the names of the shop's own parts."""
