"""What is done to log files."""
