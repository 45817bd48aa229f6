"""The machine's small volumes, on which some of the shop's parts keep files."""
