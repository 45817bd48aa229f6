"""What only the portal's containers need: their secrets, their user, their health checks, a view of the engine."""
