"""Everything one API process holds: settings, configuration, database pool, cache, upstream, metrics."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from ..kit import logs
from ..kit.config import Config
from ..kit.metrics import STATES, Figure, Metrics, Requests, state
from ..kit.names import Names
from ..kit.start import variables
from . import named
from .events import Events
from .profile import ProfileCache
from .settings import Settings
from .upstream import Upstream

log = logging.getLogger("shop")
CHECK_S = 1.0
Pool = ConnectionPool[psycopg.Connection[DictRow]]


def still_there(conn: psycopg.Connection[DictRow]) -> None:
    """An empty query that must be answered within a second, else OperationalError: a cut line never says so itself."""
    pg = conn.pgconn
    pg.send_query(b"")
    until = time.monotonic() + CHECK_S
    while True:
        while pg.is_busy():
            if not select.select([pg.socket], [], [], max(0.0, until - time.monotonic()))[0]:
                raise psycopg.OperationalError(
                    f"connection timeout: no answer from the database in {CHECK_S:g} s"
                )
            pg.consume_input()
        if pg.get_result() is None:
            return


class State:
    """Built once per process; `apply` takes over reloaded configuration."""

    def __init__(self, settings: Settings, config: Config) -> None:
        self.settings, self.config = settings, config
        self.metrics = Metrics(self.figures)
        self.requests = Requests(self.metrics)
        self.names = Names(config)
        self.pool = self._pool()
        self.redis = redis.Redis(connection_pool=redis.ConnectionPool.from_url(
            settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0, decode_responses=True,
            client_name=settings.REPLICA, max_connections=40, connection_class=named.cache(self.names),
        ))  # fmt: skip
        self.events = Events(self.redis, self.metrics)
        self.profiles = ProfileCache(config)
        self.upstream = Upstream(config, settings.UPSTREAM_API_KEY, settings.FALLBACK_API_KEY)
        self.apply()

    def _pool(self) -> Pool:
        get = self.config.number
        return ConnectionPool(
            self.settings.DATABASE_URL,
            connection_class=named.database(self.names),
            min_size=int(get("database.pool_min", 1)),
            max_size=int(get("database.pool_max", 3)),
            timeout=get("database.pool_timeout_s", 2.0),
            max_lifetime=get("database.max_lifetime_s", 10.0),
            reconnect_timeout=3.0,
            check=still_there,
            open=False,
            name=self.settings.REPLICA,
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "connect_timeout": 2,
                "application_name": self.settings.REPLICA,
                "options": "-c search_path=shop",
            },
        )

    def apply(self) -> None:
        logs.set_level(str(self.config.get("log.level", "INFO")))
        self.profiles.trim()
        self.names.prefer("")

    def read_keys(self) -> None:
        """The providers' keys as the environment file has them now; nothing where it is not known or not there."""
        path = Path(self.settings.ENV_FILE) if self.settings.ENV_FILE else None
        if path and path.is_file():
            now = variables(path.read_text())
            self.upstream.use_keys(now.get("UPSTREAM_API_KEY", ""), now.get("FALLBACK_API_KEY", ""))

    def open(self) -> None:
        self.pool.open(wait=False)
        self.events.start()

    def close(self) -> None:
        self.events.close()
        self.pool.close(timeout=1.0)
        self.upstream.close()

    def figures(self) -> Iterator[Figure]:
        """Database pool, cache, remembered visits, and the provider that is asked."""
        stats = self.pool.get_stats()
        yield "pool_connections", {}, stats.get("pool_size", 0)
        yield "pool_connections_available", {}, stats.get("pool_available", 0)
        yield "pool_connections_max", {}, self.pool.max_size
        yield "pool_requests_waiting", {}, stats.get("requests_waiting", 0)
        yield "pool_errors_total", {}, stats.get("connections_errors", 0)
        counters = self.metrics.counters
        looked = counters["cache_hits"] + counters["cache_misses"]
        yield "cache_hit_ratio", {}, counters["cache_hits"] / looked if looked else 1.0
        yield "remembered_visits", {}, len(self.profiles)
        yield "remembered_visits_megabytes", {}, self.profiles.size_mb
        yield from state("outside_breaker", self.upstream.breaker_state, STATES)
        yield from state("outside_active", self.upstream.active)
