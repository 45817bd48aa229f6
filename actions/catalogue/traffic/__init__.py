"""Which way calls go: links, the provider and its standby, circuit breakers."""
