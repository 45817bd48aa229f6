"""The queue of what guests wrote."""

from celery import Celery

app = Celery("guestbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["guestbook"])
