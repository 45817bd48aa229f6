"""Limits on how long a session may live or rest, lifted for the portal's own sessions: who sets one to next to nothing
keeps everybody out, and the portal has to get in to see that, and to take it back.

They are lifted in the session: then `pg_settings.reset_val` still tells what holds for everybody else. Where sessions
end before that can be said, one is asked for with them as options of its start, of which the server tells nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

TRIES = 3
# One database lets nobody in any more, while its server does: what concerns all of the server is asked beside it.
SHUT = re.compile(r"too many connections for database|is not currently accepting connections", re.IGNORECASE)
BESIDE = "postgres"
# since which version of the server, as libpq counts
LIMITS: tuple[tuple[int, LiteralString], ...] = (
    (90600, "idle_in_transaction_session_timeout"),
    (140000, "idle_session_timeout"),
    (170000, "transaction_timeout"),
)
Session = TypeVar("Session", bound=psycopg.AsyncConnection[Any])


def connect(options: str = "", **how: Any) -> psycopg.Connection[Any]:
    """An autocommit session without these limits. `options`, `how`: as of `psycopg.connect`, whose errors it raises."""
    version = 0
    for _ in range(TRIES):
        session = psycopg.connect(options=options, autocommit=True, **how)
        version = session.info.server_version
        try:
            session.execute(lifting(version))
        except psycopg.OperationalError:
            session.close()
            continue
        except psycopg.Error:
            pass  # what speaks like it and has no such limit: the session is as good without
        return session
    return psycopg.connect(options=f"{options} {as_options(version)}", autocommit=True, **how)


def beside(conninfo: str, error: psycopg.Error) -> str:
    """Where the same server is asked when this one of its databases lets nobody in; "" for any other error. Roles and
    databases, and nothing that is in one, are the same there."""
    return make_conninfo(conninfo, dbname=BESIDE) if SHUT.search(str(error)) else ""


async def connected(connect: Callable[[str], Awaitable[Session]]) -> Session:
    """The same, of what `connect` makes with such options."""
    version = 0
    for _ in range(TRIES):
        session = await connect("")
        version = session.info.server_version
        try:
            await session.execute(lifting(version))
        except psycopg.OperationalError:
            await session.close()
            continue
        except psycopg.Error:
            pass
        return session
    return await connect(as_options(version))


def lifting(version: int) -> sql.Composed:
    """One message: the session may end before a second."""
    return sql.SQL("; ").join(sql.SQL("set {} = 0").format(sql.Identifier(name)) for name in _of(version))


def as_options(version: int) -> str:
    return " ".join(f"-c {name}=0" for name in _of(version))


def _of(version: int) -> list[LiteralString]:
    return [name for since, name in LIMITS if version >= since]
