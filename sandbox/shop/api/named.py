"""Connections to database and cache that look up where it is, each of them anew."""

from __future__ import annotations

from typing import Any

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

from ..kit.names import LookupFailed, Names


def database(names: Names) -> type[psycopg.Connection[DictRow]]:
    """psycopg.OperationalError when the name cannot be looked up."""

    class Named(psycopg.Connection[DictRow]):
        @classmethod
        def connect(cls, conninfo: str = "", **more: Any) -> Any:
            host = str(conninfo_to_dict(conninfo).get("host") or "")
            try:
                at = names.of("database", "")
            except LookupFailed as error:
                raise psycopg.OperationalError(f"could not translate host name: {error}") from error
            return super().connect(conninfo, **(more | {"host": host, "hostaddr": at} if at else more))

    return Named


def cache(names: Names) -> type[redis.Connection]:
    """redis.ConnectionError when the name cannot be looked up."""

    class Named(redis.Connection):
        def _connect(self) -> Any:
            written = self.host
            try:
                self.host = names.of("cache", written)
                return super()._connect()  # type: ignore[no-untyped-call]
            finally:
                self.host = written

    return Named
