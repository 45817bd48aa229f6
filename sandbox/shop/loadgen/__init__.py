"""Baseline traffic."""
