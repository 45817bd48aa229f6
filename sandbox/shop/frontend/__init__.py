"""The server-rendered shop pages."""
