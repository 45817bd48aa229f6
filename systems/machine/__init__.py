"""The machine that units run on: what it is short of, and who holds which port of it."""
