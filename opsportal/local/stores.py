"""Postgres and Redis of a launcher: its own embedded ones, or the servers the environment names."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from opsportal.local.embedded import Postgres, Redis
from opsportal.local.errors import LocalError
from opsportal.local.family import Child


def open_postgres(data_dir: Path) -> tuple[str, Postgres | None]:
    """(DATABASE_URL, the embedded server or None). Raises LocalError when it cannot be used."""
    url = os.environ.get("DATABASE_URL")
    if url:
        _check_postgres(url)
        return url, None
    server = Postgres(data_dir)
    server.start()
    return server.url, server


def open_redis(data_dir: Path) -> tuple[str, Redis | None]:
    """(REDIS_URL, the embedded server or None). Raises LocalError when it cannot be used."""
    url = os.environ.get("REDIS_URL")
    if url:
        _check_redis(url)
        return url, None
    server = Redis(data_dir)
    server.start()
    return server.url, server


def as_child(server: Postgres | Redis, *, stop_rank: int) -> Child:
    """The running server as a member of the family: it is started again with the same port and data."""
    return Child(
        name=type(server).__name__.lower(),
        argv=server.argv,
        env=None,
        log=server.log,
        stop_rank=stop_rank,
        grace_s=10,
        stop_signal=server.stop_signal,
        death_signal=server.stop_signal,
        cwd="/",
        user=server.user,
        process=server.process,
    )


def _check_postgres(url: str) -> None:
    import psycopg

    mend = "set it to postgresql://USER:PASSWORD@HOST:PORT/NAME, or unset it for the built-in server"
    if urlsplit(url).scheme not in ("postgres", "postgresql", "pgsql"):
        raise LocalError(f"DATABASE_URL is not a Postgres address: {mend}")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            query = "select 1 from pg_available_extensions where name = 'vector'"
            has_vector = connection.execute(query).fetchone()
    except (psycopg.Error, UnicodeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise LocalError(f"DATABASE_URL does not work: {reason}; {mend}") from error
    if not has_vector:
        raise LocalError("the server of DATABASE_URL lacks pgvector: install the extension `vector` there")


def _check_redis(url: str) -> None:
    import redis

    mend = "set it to redis://HOST:PORT/0, or unset it for the built-in server"
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise LocalError(f"REDIS_URL does not work: {str(error).splitlines()[0]}; {mend}") from error
