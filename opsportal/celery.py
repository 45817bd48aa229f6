"""The Celery application. A message is only a wake-up: work lives in rows, so results are off."""

import contextlib
import os
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

import redis
from django.conf import settings

from opsportal import heartbeat

app = Celery("opsportal")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 3600,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="opsportal",
    task_publish_retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2},
    timezone="UTC",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)
app.autodiscover_tasks()
_beating: threading.Event | None = None


@worker_ready.connect
def _say_alive(**_: Any) -> None:
    global _beating
    _beating = heartbeat.beat_in_thread("worker")


@worker_shutdown.connect
def _say_goodbye(**_: Any) -> None:
    if _beating is not None:
        _beating.set()
        with contextlib.suppress(redis.RedisError):
            heartbeat.leave("worker")
