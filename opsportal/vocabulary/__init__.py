"""Pages of the words and signals that people add."""
