"""Containers of a Docker engine. `driver` is the runtime; only `engine` knows the SDK."""
