"""How fast a dead and a hung process are back: under our own hands and, in the same run, under others'."""
