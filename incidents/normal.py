"""What is normal for a system, kept over restarts of its watcher: rows as of `Engine.export_baselines`."""

from __future__ import annotations

import json
import logging
from typing import Any

import redis

from incidents import live

log = logging.getLogger(__name__)

KEY = "ops:baselines:{}"
KEEP_S = 6 * 3600

Rows = list[list[Any]]


def keep(slug: str, rows: Rows) -> None:
    """Never raises: the next time is near."""
    try:
        live.client().set(KEY.format(slug), json.dumps(rows, separators=(",", ":")), ex=KEEP_S)
    except redis.RedisError as error:
        log.warning("what is normal for %s was not kept: %s", slug, error)


def kept(slug: str) -> Rows:
    """[] when nothing is kept, or it cannot be read."""
    try:
        raw: Any = live.client().get(KEY.format(slug))
    except redis.RedisError as error:
        log.warning("what is normal for %s is learnt anew: %s", slug, error)
        return []
    rows: Rows = [] if raw is None else json.loads(raw)
    return rows


def leaks_of(rows: Rows) -> Rows:
    """Those that count how often signs hold in peace; see incidents/signals/judging/leaks.py."""
    return [row for row in rows if not row[1]]
