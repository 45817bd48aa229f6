"""What manifests declare of parts beyond what is known of their kinds, done: asking, reading, telling."""
