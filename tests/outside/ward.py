"""A small system to be ill in, looked after by the real product, in one process and on a clock of its own.

Readings go in as the watcher would deliver them; detection, agent, gate and actions are the real ones, on the real
Postgres and Redis and a fake runtime. Out come runtime calls, requests, incidents and texts, by the REST interface.
Nothing here, and no test that uses it, knows how it is detected or reasoned.

    ward.set("db", "pg.ok", 0, "FATAL: no pg_hba.conf entry")   # holds until it is set again, or `heal`ed
    ward.say("api-1", "ERROR token_expired", times=3)           # in the next look only; `ward.saying`: in each
    ward.look(5)                                                 # five ticks, one virtual second apart
    ward.incident["headline"], ward.requests(), ward.calls

What a repair brings about is scripted: `ward.on("restart", "db", lambda: ward.heal("db"))`. Files are real files
(`ward.file("etc/api-1.yaml")`), units are the fake runtime's (`ward.runtime.crash("worker")`).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from actions import service as actions
from actions.models import ActionRequest
from agent import journal, loop
from incidents.models import Incident
from opsportal import tokens, wiring
from systems import partitions, services
from systems.manifest.types import Journey
from systems.models import ReadingRow, System
from systems.probes import journeys
from systems.probes.base import FileProbe
from systems.probes.files import ConfigProbe, EnvProbe
from systems.probes.process import unit_readings
from systems.readings import Reading
from systems.runtimes.fake import FakeRuntime
from systems.ticks import Tick
from tests.outside import quiet

SETTLE_LOOKS = 70  # what is normal is learnt within a minute of quiet running
STORED = (
    "journey.",
    "unit.restarts",
    "app.error_rate",
    "app.rps",
    "queue.h",
)  # of the readings, for figures and for what came back how often
MOST_WAKES = 60  # in one look


class Clock:
    """Real time plus what the looks have skipped: in Python, and in what Django asks of Postgres."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        self.time: Callable[[], float] = lambda: real() + self.ahead
        monkeypatch.setattr(time, "time", self.time)
        monkeypatch.setattr(timezone, "now", self.now)
        monkeypatch.setattr(Now, "as_postgresql", self._as_postgresql)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def _as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        return compiler.compile(Value(self.now()).resolve_expression(compiler.query))


class Person:
    """Somebody with a token, at the REST interface."""

    def __init__(self, name: str, *permissions: str) -> None:
        user = User.objects.create_user(name)
        codes = [p.partition(".")[2] for p in permissions]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
        self.name = name
        self._token, _ = tokens.create(user, "ward", permissions)
        self._client = Client()

    def get(self, path: str) -> Any:
        return self._ask("get", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._ask("post", path, body or {})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        answer = getattr(self._client, method)(
            path, headers={"Authorization": f"Bearer {self._token}"}, **sent
        )
        found = answer.json()
        assert answer.status_code < 400, (path, answer.status_code, found)
        return found


class Ward:
    """The system, its clock, and the people around it."""

    def __init__(self, folder: Path, slug: str, clock: Clock, manifest: str = quiet.MANIFEST) -> None:
        self.slug, self.folder, self.clock = slug, folder, clock
        for name, text in quiet.FILES.items():
            for place in (name, name.replace("etc/", "golden/")):
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                (folder / place).write_text(text)
        (folder / "secrets.env").write_text(f"DB_DSN={_dsn()}\nCACHE_URL={os.environ['REDIS_URL']}\n")
        (folder / "manifest.yaml").write_text(manifest.format(slug=slug))
        self.row = services.register(folder / "manifest.yaml")
        System.objects.filter(pk=self.row.pk).update(agent_on=True)
        self.system = services.load(slug)
        assert isinstance(self.system.runtime, FakeRuntime)
        self.runtime = self.system.runtime
        self.probes: tuple[FileProbe, ...] = (ConfigProbe(), EnvProbe())
        self.normal = dict(
            quiet.readings(
                {n: s.kind for n, s in self.system.services.items()},
                [j.name for j in self.system.manifest.journeys],
            )
        )
        self.readings = dict(self.normal)
        self.saying: dict[tuple[str, str], int] = {}  # (service, line) -> times in each look
        self._said: list[tuple[str, str, int]] = []
        self._then: list[tuple[str, str, Callable[[], None]]] = []
        self._seen = 0
        self.starved = False  # the watcher itself gets too little of the machine
        self.raised = 0  # journeys that were run on top of the watcher's
        self.looked = 0
        # before each look, with its number: for what changes by itself
        self.each_look: Callable[[int], None] = lambda number: None
        self.wakes: list[int] = []
        with connection.cursor() as cursor:
            for statement in partitions.create_statements(clock.now()):
                cursor.execute(statement)
        journal.on_wake(self.wakes.append)
        self.paula = Person(
            "paula", "actions.approve_action", "actions.run_action", "incidents.view_incident"
        )
        self.viewer = Person("vera", "incidents.view_incident")

    # --- what happens to the system

    def set(self, service: str, metric: str, value: float | None, text: str = "", label: str = "") -> None:
        """This reading, in every look from now on. None: it cannot be read."""
        self.readings[service, metric, label] = (value, text)

    def heal(self, *names: str) -> None:
        """Back to normal readings: these services, or all."""
        wanted = names or tuple(self.system.services)
        self.readings = {k: v for k, v in self.readings.items() if k[0] not in wanted}
        self.readings |= {k: v for k, v in self.normal.items() if k[0] in wanted}
        self.saying = {k: n for k, n in self.saying.items() if k[0] not in wanted}

    def say(self, service: str, line: str, times: int = 1) -> None:
        """Lines in the service's log, in the next look."""
        self._said.append((service, line, times))

    def on(self, op: str, unit: str, then: Callable[[], None]) -> None:
        """When the runtime has been told to do this to the unit, e.g. `restart`."""
        self._then.append((op, unit, then))

    def file(self, name: str) -> Path:
        return self.folder / name

    # --- time

    def look(self, times: int = 1) -> None:
        """Ticks through the watcher's handlers; after each the sweeps and every run that can go on."""
        for _ in range(times):
            self._tick()
            self._work()

    def settle(self) -> None:
        """Quiet running until it is known what is normal. Nothing is open, so nobody is woken but once at the end."""
        for _ in range(SETTLE_LOOKS):
            self._tick()
        self._work()

    def _tick(self) -> None:
        self.clock.ahead += 1.0
        self.looked += 1
        self.each_look(self.looked)
        tick = Tick(self.system, self.clock.now(), self._read(), starved=self.starved)
        self._store(tick)
        for handler in wiring.tick_handlers():
            asyncio.run(_deliver(handler, tick))

    def look_until(self, done: Callable[[], object], most: int = 120) -> int:
        """Looks until `done` is true; how many it took."""
        for number in range(most):
            if done():
                return number
            self.look()
        raise AssertionError(
            f"not within {most} looks; the timeline: {self.titles() if self.numbers else []}"
        )

    def _read(self) -> list[Reading]:
        found = [Reading(s, m, v, text, label) for (s, m, label), (v, text) in self.readings.items()]
        states = {state.unit: state for state in self.runtime.list()}
        host = [self.system.machine] if self.system.machine is not None else []
        for service in [*self.system.services.values(), *host]:
            if service.unit is not None:
                found += unit_readings(service.name, states[service.unit], self.clock.time())
            for probe in self.probes:
                found += probe.read(self.system, service) if probe.applies(service) else []
        said = [*self._said, *((s, line, n) for (s, line), n in self.saying.items())]
        found += [Reading(s, "log.template", float(n), line, line[:80]) for s, line, n in said]
        self._said = []
        return found

    def _store(self, tick: Tick) -> None:
        """What is counted afterwards goes where the watcher writes it; one row for a (service, metric, label)."""
        kept = {
            (r.service, r.metric, r.label): ReadingRow(
                system_id=self.row.pk,
                at=tick.at,
                service=r.service,
                metric=r.metric,
                label=r.label,
                value=r.value,
                text=r.text,
            )
            for r in tick.readings
            if r.metric.startswith(STORED)
        }
        ReadingRow.objects.bulk_create(kept.values())

    async def run_journey(self, _: Any, journey: Journey) -> tuple[float, str]:
        """A journey that somebody starts beside the watcher's: as the newest reading has it."""
        self.raised += 1
        service = journeys.entry_service(self.system, journey)
        value, text = self.readings[service, "journey.ok", journey.name]
        return 40.0, "" if value else text

    def _work(self) -> None:
        wiring.sweep()
        actions.sweep()
        for _ in range(MOST_WAKES):
            self._react()
            if not self.wakes:
                return
            loop.advance(self.wakes.pop(0))
        raise AssertionError("the agent wakes itself again and again")

    def _react(self) -> None:
        for op, unit, _ in self.runtime.calls[self._seen :]:
            for wanted, of, then in self._then:
                if (wanted, of) == (op, unit):
                    then()
        self._seen = len(self.runtime.calls)

    # --- what came of it

    @property
    def calls(self) -> list[str]:
        """Effects on units, in order: `restart db`."""
        return [f"{op} {unit}" for op, unit, _ in self.runtime.calls]

    @property
    def numbers(self) -> list[int]:
        """The incidents of the ward, the first one first."""
        return list(
            Incident.objects.filter(system=self.row).order_by("number").values_list("number", flat=True)
        )

    @property
    def incident(self) -> dict[str, Any]:
        """The newest incident as the REST interface gives it, with its timeline."""
        return self.incidents[-1]

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """All, the first one first."""
        return [self.viewer.get(f"/api/incidents/{number}") for number in self.numbers]

    def titles(self, kind: str = "") -> list[str]:
        """The timeline's lines, of one kind or all."""
        return [e["title"] for e in self.incident["events"] if kind in ("", e["kind"])]

    def requests(self, status: str = "") -> list[dict[str, Any]]:
        """Everything asked for on this system, the oldest first, as the REST interface gives it."""
        ids = (
            ActionRequest.objects.filter(system=self.row)
            .order_by("requested_at")
            .values_list("pk", flat=True)
        )
        found = [self.viewer.get(f"/action/{pk}") for pk in ids]
        return [r for r in found if status in ("", r["status"])]

    def decide(self, verb: str) -> None:
        """paula answers everything that waits: `approve` or `reject`."""
        for request in self.requests("waiting"):
            self.paula.post(f"/action/{request['id']}/{verb}")
        self._work()

    def page(self, path: str) -> str:
        """A page as the admin sees it."""
        return self._browser().get(path).content.decode()

    def post(self, path: str, form: dict[str, Any]) -> str:
        """What the admin gets to see who sends this form."""
        answer = self._browser().post(path, form, follow=True)
        assert answer.status_code < 400, (path, answer.status_code)
        return answer.content.decode()

    def _browser(self) -> Client:
        admin = User.objects.filter(username="ada").first() or User.objects.create_superuser("ada")
        client = Client()
        client.force_login(admin)
        return client

    def sleep(self, seconds: float) -> None:
        """Time goes by and nobody looks."""
        self.clock.ahead += seconds


def _dsn() -> str:
    """The test's own database: actions that look into the ward's `db` look there."""
    at = connection.get_connection_params()
    return f"postgresql://{at['user']}:{at.get('password', '')}@{at['host']}:{at['port']}/{at['dbname']}"


async def _deliver(handler: Any, tick: Tick) -> None:
    result = handler(tick)
    if result is not None:
        await result
