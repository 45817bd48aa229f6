"""Numbers that software tells in the format of Prometheus: read (text), known by name (table), counted (source), and
turned into the readings that signals look at (report)."""
