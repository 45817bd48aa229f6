"""A guest book on Django's own public applications: admin, auth, sessions, sites, flatpages, humanize."""

from guestbook.celery import app as celery_app

__all__ = ["celery_app"]
