"""The REST API: the same gates, rights and rules as the pages."""
