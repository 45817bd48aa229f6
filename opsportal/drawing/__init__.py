"""How values and systems are drawn: curves, the map, and the look of each value."""
