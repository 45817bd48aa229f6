"""Composition root of the portal: settings, routes, processes, health."""

from opsportal.celery import app as celery_app

__all__ = ["celery_app"]
