"""What is done to processes, and to the release that they run."""
