"""From a killed or a stopped process to one that answers again, with the incident, audit row and postmortem."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from django.db.models import QuerySet

from actions.models import AuditEntry
from agent import service as agent
from incidents import evidence
from incidents.evidence import SignalState
from incidents.models import OPEN_STATES, Incident, Postmortem, State, Symptom
from opsportal.bench.figures import Row, Series
from systems.manifest.base import meets
from systems.manifest.types import Service
from systems.manifest.web import HttpSpec
from systems.models import System
from systems.services import LoadedSystem

ANSWERS_WITHIN_S = 60.0
EXPLAINED_WITHIN_S = 120.0
STEADY_S = 3.0
TRY_TIMEOUT_S = 0.25
LOOK_S = 0.01
PEERS = {
    signal.SIGKILL: "supervisord 1200 ms (reference, not run here)",
    signal.SIGSTOP: "monit, tuned, 3300 ms (reference, not run here)",
}
Say = Callable[[str], None]
T = TypeVar("T")


class NotSteady(RuntimeError):
    """The system was not healthy, so that nothing could be measured."""


@dataclass
class Round:
    """One repeat. Milliseconds from the signal; None where it did not happen in time."""

    answering_ms: float | None = None
    opened_ms: float | None = None
    incident: int | None = None
    audited: bool = False
    explained: bool = False


@dataclass
class Recovery:
    """Repeats of one signal on one service. `picture` is the evidence when the last incident opened."""

    service: str
    number: signal.Signals
    rounds: list[Round] = field(default_factory=list)
    picture: list[SignalState] = field(default_factory=list)

    def row(self) -> Row:
        answering = Series("ms", [r.answering_ms for r in self.rounds if r.answering_ms is not None])
        opened = Series("ms", [r.opened_ms for r in self.rounds if r.opened_ms is not None])
        n = len(self.rounds)
        complete = [
            f"incident {sum(r.incident is not None for r in self.rounds)}/{n}",
            f"audit row {sum(r.audited for r in self.rounds)}/{n}",
            f"explained {sum(r.explained for r in self.rounds)}/{n}",
        ]
        what = "killed (SIGKILL)" if self.number == signal.SIGKILL else "hung (SIGSTOP)"
        return Row(
            f"{self.service} {what}, answering again on its own port",
            answering.words(0.5, 0.9),
            PEERS.get(self.number, "-"),
            f"{', '.join(complete)}; incident opened: {opened.words(0.5)}",
            {
                "answering": answering.as_json(),
                "opened": opened.as_json(),
                "rounds": [vars(r) for r in self.rounds],
            },
        )


def target(system: LoadedSystem) -> Service:
    """A replica that answers HTTP and that we control: of the largest group, else any with callers."""
    able = [s for s in system.services.values() if s.http is not None and s.unit is not None]
    if not able:
        raise NotSteady("no service of this system answers HTTP and is ours to control")
    groups = system.graph.groups
    return max(able, key=lambda s: (len(groups.get(s.group or "", [])), len(system.graph.callers([s.name]))))


def measure(row: System, system: LoadedSystem, number: signal.Signals, repeats: int, say: Say) -> Recovery:
    """Signal the process `repeats` times, each on a healthy system and with the last case explained."""
    service = target(system)
    found = Recovery(service.name, number)
    for nth in range(1, repeats + 1):
        wait_steady(row)
        one = _round(row, system, service, number, found)
        found.rounds.append(one)
        took = "not answering in time" if one.answering_ms is None else f"{one.answering_ms:.0f} ms"
        told = "explained" if one.explained else "not explained"
        say(f"  {service.name} {number.name} {nth}/{repeats}: {took}, incident #{one.incident}, {told}")
    return found


def _round(
    row: System, system: LoadedSystem, service: Service, number: signal.Signals, found: Recovery
) -> Round:
    assert service.unit is not None
    assert service.http is not None
    pid = system.runtime.state(service.unit).pid
    if pid is None:
        raise NotSteady(f"{service.name} is not running")
    answered: list[float] = []
    watch = threading.Thread(target=_until_answers, args=(service.http, answered))
    began, began_at = time.perf_counter(), datetime.now(UTC)
    os.kill(pid, number)
    watch.start()
    one = Round()
    incident = _await(
        lambda: _opened(row, began_at), EXPLAINED_WITHIN_S if number == signal.SIGSTOP else 20.0
    )
    if incident is not None:
        one.incident, one.opened_ms = incident.number, (incident.opened_at - began_at).total_seconds() * 1000
        found.picture = evidence.picture(row.slug).states
    while watch.is_alive():
        watch.join(LOOK_S * 10)
        if incident is not None:
            _give_back(_now(incident.number))
    if answered:
        one.answering_ms = (answered[0] - began) * 1000
    with contextlib.suppress(ProcessLookupError):  # a stopped one that nobody replaced must not stay stopped
        if number == signal.SIGSTOP and system.runtime.state(service.unit).pid == pid:
            os.kill(pid, signal.SIGCONT)
    if incident is not None:
        one.explained = bool(_await(lambda: _explained(incident.number), EXPLAINED_WITHIN_S))
        one.incident = _now(incident.number)
        one.audited = AuditEntry.objects.filter(incident=one.incident).exists()
    return one


def _until_answers(spec: HttpSpec, answered: list[float]) -> None:
    """Ask until it answers as it should; the perf_counter second goes into `answered`."""
    until = time.perf_counter() + ANSWERS_WITHIN_S
    while time.perf_counter() < until:
        try:
            asked = urllib.request.Request(spec.url, headers=spec.sent())  # noqa: S310 from the manifest
            with urllib.request.urlopen(asked, timeout=TRY_TIMEOUT_S) as answer:  # noqa: S310
                if meets(answer.status, spec.expect):
                    answered.append(time.perf_counter())
                    return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(LOOK_S)


def _opened(row: System, since: datetime) -> Incident | None:
    return Incident.objects.filter(system=row, opened_at__gte=since).order_by("number").first()


def _explained(number: int) -> Postmortem | None:
    mine = Postmortem.objects.filter(incident=_now(number), incident__resolved_at__isnull=False)
    return mine.first()


def _give_back(number: int) -> None:
    """The same trouble again and again is left to a person, and the bench is that person."""
    handed = Incident.objects.filter(pk=number, state=State.HANDED_OVER).first()
    if handed is not None and handed.flaps:
        agent.give_back(number, "bench")


def _now(number: int) -> int:
    """That incident, or the one that it is again: trouble that comes back is no incident of its own."""
    return Incident.objects.get(pk=number).merged_into_id or number


def wait_steady(row: System) -> None:
    """No open incident and no opening symptom for some seconds in a row. NotSteady says what is wrong."""
    since: list[float] = []

    def calm() -> bool:
        if Incident.objects.filter(system=row, state__in=OPEN_STATES).exists() or _sick(row).exists():
            since.clear()
            return False
        since.append(time.monotonic())
        return since[-1] - since[0] >= STEADY_S

    if not _await(calm, EXPLAINED_WITHIN_S):
        held = _sick(row).first() or Incident.objects.filter(system=row, state__in=OPEN_STATES).first()
        raise NotSteady(f"{row.title} is not healthy: {held}")


def _sick(row: System) -> QuerySet[Symptom]:
    return Symptom.objects.filter(system=row, cleared_at__isnull=True, opens=True)


def _await(look: Callable[[], T], within_s: float) -> T | None:
    """The first truthy answer of `look`; None when there is none in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    return None
