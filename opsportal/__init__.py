"""Composition root of the portal: settings, routes, processes, health."""
