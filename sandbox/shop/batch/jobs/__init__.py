"""The jobs themselves. Each is `run(params, log)`; params = its section of etc/batch.yaml."""

from __future__ import annotations

import logging
import os
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

log = logging.getLogger("shop")
Params = dict[str, Any]


def connect(job: str, *, autocommit: bool = True, via: str = "") -> psycopg.Connection[tuple[Any, ...]]:
    """A session as the shop's role, named after the job. `via`: host:port of another way to the database."""
    url = os.environ["DATABASE_URL"]
    if via:
        host, _, port = via.rpartition(":")
        url = make_conninfo(url, host=host, port=port)
    return psycopg.connect(url, application_name=job, autocommit=autocommit, connect_timeout=2)
