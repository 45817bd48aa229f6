"""What is done to files on volumes."""
