"""The probers' own connections to Postgres: one per database and role, however many systems and probes read there.

What the prober takes up is its own doing and never the patient's symptom: `OWN` are the names to leave out of counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from systems import pgguards

NAME = "opsportal-prober"
OWN = (NAME, "opsportal-admin", "opsportal-check")
NOT_OURS: LiteralString = (
    "a.application_name not in ('opsportal-prober', 'opsportal-admin', 'opsportal-check')"
)
# Set in the session, not at its start: `pg_settings.reset_val` then tells what holds for everybody else.
SETUP: LiteralString = (
    "set statement_timeout = 1500; set lock_timeout = 500; set default_transaction_read_only = on"
)

Connection = psycopg.AsyncConnection[dict[str, Any]]
Place = tuple[int, frozenset[tuple[str, str]]]  # event loop, where and as whom


@dataclass(slots=True)
class _Shared:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: Connection | None = None
    users: set[int] = field(default_factory=set)

    async def drop(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()


_shared: dict[Place, _Shared] = {}


@asynccontextmanager
async def session(dsn: str, user: object) -> AsyncIterator[Connection]:
    """The one connection to this database as this role, for this caller alone until the block ends. Autocommit, read
    only, rows are dicts. Whatever goes wrong in the block, cancellation too, ends the connection.

    Raises psycopg.Error where none can be had."""
    shared = _shared.setdefault(_place(dsn), _Shared())
    shared.users.add(id(user))
    async with shared.lock:
        try:
            if shared.connection is None or shared.connection.closed:
                shared.connection = await pgguards.connected(partial(_connect, dsn))
                await shared.connection.execute(SETUP)
            yield shared.connection
        except BaseException:
            await shared.drop()
            raise


async def _connect(dsn: str, options: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        dsn,
        autocommit=True,
        row_factory=dict_row,
        connect_timeout=2,
        application_name=NAME,
        options=options or None,
    )


async def leave(user: object) -> None:
    """The caller needs none of them any more; the last one out ends the connection."""
    for place, shared in list(_shared.items()):
        if place[0] != _loop() or id(user) not in shared.users:
            continue
        shared.users.discard(id(user))
        if not shared.users:
            _shared.pop(place, None)
            await shared.drop()


def is_our_own(dsn: str, reason: str) -> bool:
    """Whether a refusal for want of places is about a role of which the probers hold places themselves."""
    wanted = _who(dsn)
    held = [p for p, s in _shared.items() if s.connection is not None and not s.connection.closed]
    return "too many connections for role" in reason and any(_named(place[1]) == wanted for place in held)


def unwelcome() -> frozenset[str]:
    """Roles as which the probers ask for a session and have none: a refused login of one of them in a server's log is
    most likely their own, and says nothing of anybody else's password."""
    return frozenset(
        str(dict(place[1]).get("user", ""))
        for place, shared in list(_shared.items())
        if shared.connection is None or shared.connection.closed
    )


def _loop() -> int:
    return id(asyncio.get_running_loop())


def _place(dsn: str) -> Place:
    return _loop(), frozenset((k, str(v)) for k, v in conninfo_to_dict(dsn).items())


def _who(dsn: str) -> tuple[str, str, str]:
    return _named(frozenset((k, str(v)) for k, v in conninfo_to_dict(dsn).items()))


def _named(found: frozenset[tuple[str, str]]) -> tuple[str, str, str]:
    given = dict(found)
    return given.get("host", ""), given.get("port", "5432"), given.get("user", "")
