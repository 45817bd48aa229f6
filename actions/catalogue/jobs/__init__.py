"""What is done to queues and to jobs at their hour."""
