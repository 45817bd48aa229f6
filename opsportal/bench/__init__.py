"""`./ops bench`: what the portal costs and how fast it is, measured on the running copy. Figures, no assertions."""
