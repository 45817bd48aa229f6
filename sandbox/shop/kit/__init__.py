"""What all services of the shop share: JSON logs, configuration, settings, a small HTTP server and client."""
