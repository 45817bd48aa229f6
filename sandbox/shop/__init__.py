"""The corner shop's own code. It is copied into the shop's release folders and runs from there."""
