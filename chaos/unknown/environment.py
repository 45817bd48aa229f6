"""Environment files: variables that a program reads at its start, and what they then lead it to."""

from __future__ import annotations

from typing import Any

import redis as redis_client

from chaos.faults.base import FaultFailed, Part, Undo
from chaos.site import Site
from chaos.stores import cache
from chaos.unknown.orders import PROCESSING, QUEUE, waiting
from chaos.unknown.texts import Variable


class LibraryVariable(Variable):
    """No setting of the service; the library that it reaches the database with reads it too."""

    id = "library_variable"
    title = "A variable that the database's library reads is set"
    choices = tuple(
        (part, name, value)
        for part in ("api", "worker")
        for name, value in (
            ("PGSSLMODE", "require"),
            ("PGTARGETSESSIONATTRS", "standby"),
            ("PGCHANNELBINDING", "require"),
        )
    )


class DatabaseAddress(Variable):
    id = "database_address"
    title = "The address of the database is not right"
    choices = (
        ("api", "DATABASE_URL", "?sslmode=require"),
        ("api", "DATABASE_URL", "_old"),
        ("worker", "DATABASE_URL", "_staging"),
        ("worker", "DATABASE_URL", "?sslmode=verify-full"),
    )

    def value(self, was: str, chosen: list[Any]) -> str:
        return f"{was}{chosen[2]}"


class OtherNumber(Variable):
    """The same server, the same password, another of its numbered databases: all is well, and nobody meets anybody."""

    id = "other_number"
    title = "A part uses another of the cache's databases"
    choices = tuple(
        (part, "REDIS_URL", f"/{number}") for part in ("api", "worker", "api-2") for number in (1, 3)
    )
    may_touch = ("redis",)

    def value(self, was: str, chosen: list[Any]) -> str:
        return f"{was.rpartition('/')[0]}{chosen[2]}"

    def inverse(self, site: Site, seed: int) -> Undo:
        undo = super().inverse(site, seed)
        with self._other(site, undo) as redis:
            if redis.dbsize():
                raise FaultFailed(f"the database {undo['chosen'][2]} of the cache is in use")
        return undo

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            *super().parts(site, undo),
            Part("what went to the wrong place", lambda: self._bring(site, undo)),
        ]

    def _bring(self, site: Site, undo: Undo) -> None:
        """Orders to where they belong, the rest away."""
        with self._other(site, undo) as other, site.redis() as redis:
            for name in (PROCESSING, QUEUE):
                while (order := other.rpop(name)) is not None:
                    redis.lpush(QUEUE, str(order))
            other.flushdb()

    def _other(self, site: Site, undo: Undo) -> redis_client.Redis:
        address = str(site.facts["redis_url"]).rpartition("/")[0]
        return cache(f"{address}{undo['chosen'][2]}", site.names)

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site)


class OtherInterface(Variable):
    """It is up and well, for those who ask there."""

    id = "other_interface"
    title = "The api listens where nobody asks"
    drivers = ("process",)
    choices = tuple(("api", "LISTEN_HOST", host) for host in ("127.0.0.2", "127.0.1.1", "::1"))
