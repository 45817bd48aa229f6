"""The jobs themselves. Each is `run(params, log)`; params = its section of etc/batch.yaml."""

from __future__ import annotations

import logging
import os
from typing import Any

import psycopg

log = logging.getLogger("shop")
Params = dict[str, Any]


def connect(job: str, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """A session as the shop's role, named after the job."""
    return psycopg.connect(
        os.environ["DATABASE_URL"], application_name=job, autocommit=autocommit, connect_timeout=2
    )
