"""Runs named jobs as child processes."""
