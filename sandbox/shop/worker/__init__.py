"""Consumes the order queue."""
