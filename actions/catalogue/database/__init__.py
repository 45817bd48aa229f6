"""What is done to a database: its process, its sessions, its tables, its passwords."""
