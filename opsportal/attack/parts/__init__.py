"""The ways to attack, one file each."""
