"""consistency.*: two sources that must agree, such as the price people see and the price in the database."""

from __future__ import annotations

import asyncio
import ssl
import time
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from systems import trust
from systems.manifest import Service
from systems.manifest.web import Consistency
from systems.probes import pgshare, web
from systems.probes.base import Clock, Probe, ProbeFailed
from systems.probes.journeys import dig
from systems.probes.postgres import connect_error
from systems.readings import Reading, clean
from systems.services import LoadedSystem

MAX_KEYS = 20


class ConsistencyProbe(Probe):
    """One instance per rule. consistency.ok: 1 = agree, 0 = differ, None = one side could not be read.
    consistency.odd, of the source: how many of its values are no numbers that anybody could show (NaN, infinity)."""

    name = "consistency"
    timeout_s = 4.0
    main = ("consistency.ok",)

    def __init__(self, clock: Clock = time.monotonic, rule: Consistency | None = None) -> None:
        super().__init__(clock)
        self.rule = rule
        self.http = web.client()
        if rule is not None:
            self.interval_s = rule.interval_s

    @classmethod
    def build(cls, system: LoadedSystem, clock: Clock) -> list[Probe]:
        return [cls(clock, rule) for rule in system.manifest.consistency]

    def applies(self, service: Service) -> bool:
        return self.rule is not None and service.name == self.rule.service

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert self.rule is not None
        rows = await self._rows(system, self.rule)
        tls = trust.of(system)
        shown = await asyncio.gather(*(self._shown(self.rule, key, tls) for key, _ in rows))
        if rows and all(isinstance(value, Unread) for value in shown):
            raise ProbeFailed(str(shown[0]))
        odd = [f"{self.rule.field} of {key} is {wanted}" for key, wanted in rows if is_odd(wanted)]
        wrong = [
            f"{self._name(key)} shows {value}, the database has {wanted}"
            for (key, wanted), value in zip(rows, shown, strict=True)
            if not isinstance(value, Unread) and not is_odd(wanted) and not same(value, wanted)
        ]
        text = clean(f"{self.rule.field}: {'; '.join(wrong[:5])}" if wrong else "")
        return [
            Reading(service.name, "consistency.ok", float(not wrong), text, self.rule.name),
            Reading(
                self.rule.sql_service,
                "consistency.odd",
                float(len(odd)),
                clean("; ".join(odd[:5])),
                self.rule.name,
            ),
        ]

    def _name(self, key: str) -> str:
        assert self.rule is not None
        return (self.rule.cache or "{key}").replace("{key}", key)

    async def _rows(self, system: LoadedSystem, rule: Consistency) -> list[tuple[str, Any]]:
        postgres = system.service(rule.sql_service).postgres
        assert postgres is not None
        try:
            async with pgshare.session(postgres.dsn, self) as connection:
                cursor = connection.cursor(row_factory=tuple_row)
                found = await (await cursor.execute(rule.sql.encode())).fetchmany(MAX_KEYS)
            return [(str(row[0]), row[1]) for row in found]
        except psycopg.Error as error:
            raise ProbeFailed(f"{rule.sql_service}: {connect_error(error)}") from error

    async def _shown(self, rule: Consistency, key: str, tls: ssl.SSLContext | None) -> Any:
        answer = await web.fetch(self.http, rule.url.replace("{key}", key), 2.0, tls=tls)
        if answer.error or answer.status != 200:
            return Unread(answer.reason())
        try:
            return dig(answer.json(), rule.field)
        except (ValueError, LookupError, TypeError):
            return Unread(f"the answer has no {rule.field}")

    async def close(self) -> None:
        await pgshare.leave(self)
        await self.http.aclose()


class Unread(str):
    """Why one value could not be read."""

    __slots__ = ()


def is_odd(value: Any) -> bool:
    """Whether it is of a number's kind, and none: whoever shows something else for it is not to blame."""
    return isinstance(value, float | Decimal) and not Decimal(value).is_finite()


def same(shown: Any, wanted: Any) -> bool:
    """Whether two values are equal, numbers as numbers."""
    try:
        return Decimal(str(shown)) == Decimal(str(wanted))
    except InvalidOperation:
        return str(shown) == str(wanted)
