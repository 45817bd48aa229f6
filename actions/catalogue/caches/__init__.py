"""What is done to caches."""
