"""Drive one game day on a running portal: inject, watch, grade, put back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import Exists, OuterRef

from actions import audit, grants, policy
from actions.models import PolicyGrant
from chaos import scorecard, service
from chaos.faults.base import Fault
from chaos.gameday.amid import Amid, Made
from chaos.gameday.measure import Eyes
from chaos.gameday.told import Pipeline
from chaos.models import GameDay, GameDayRun, Injection
from chaos.registry import find
from chaos.scorecard import Row
from chaos.site import Site
from incidents import lifecycle
from incidents.models import OPEN_STATES, Incident, State, Symptom
from systems import services
from systems.models import System
from systems.probes import journeys

log = logging.getLogger(__name__)

SUSTAIN_S = 10.0
STEADY_S = 5.0
STEADY_TIMEOUT_S = 90.0
CLOSE_TIMEOUT_S = 45.0
RESTART_AFTER_S = 3.0
GRANT_SPARE_S = (
    180.0  # what an attempt may take beyond its time, before what was approved for it ends by itself
)
# What the agent may be allowed beforehand where a fault was put in: what ends, restarts, reroutes or writes back.
# Never what replaces data, schemas or releases.
MENDS = (
    "clear-cache",
    "failover-link",
    "kill-idle-connections",
    "kill-process",
    "kill-session",
    "pause-job",
    "regenerate-db-creds",
    "regenerate-env",
    "requeue-inflight",
    "reset-circuit-breaker",
    "reset-link",
    "restart-db",
    "restart-service",
    "restore-config",
    "resume-job",
    "revert-change",
    "rolling-restart",
    "rotate-logs",
    "route-to-backup",
    "route-to-primary",
    "switch-to-fallback",
    "switch-to-primary",
    "warm-cache",
)

Say = Callable[[str], None]
# Gets each run once its fault is taken back, when that was put in, until when the run was watched, what the fault
# found to put back, and the harmless changes made around it.
Keep = Callable[[Row, datetime, datetime, dict[str, Any], list[Made]], None]


class NotSteady(Exception):
    """The system is not healthy before the injection, so that nothing could be learnt from it."""


@dataclass
class Driver:
    """`baseline` is "" for the agent, "none" (nobody acts) or "restart" (everything is restarted once). `day`: what
    approvals given in advance are for; "" = people approve. `keep`: see Keep. `decoys`: amid harmless changes."""

    system: System
    baseline: str
    say: Say
    day: str = ""
    keep: Keep | None = None
    decoys: bool = False

    @property
    def site(self) -> Site:
        return Site.load(Path(self.system.manifest_path).parent)

    def journeys_wrong(self) -> str:
        return "; ".join(journeys.failures(services.load(self.system.slug)))

    def steady(self) -> None:
        """Wait for green journeys with no open incident. Raises NotSteady with what is wrong."""
        with Eyes(self.journeys_wrong) as eyes:
            if eyes.wait_green(time.time(), STEADY_S, STEADY_TIMEOUT_S) is None:
                raise NotSteady(eyes.last_wrong())
        until = time.time() + STEADY_TIMEOUT_S
        while self._sick() and time.time() < until:
            self._close_open(*(() if self.baseline else (State.HANDED_OVER,)))
            time.sleep(0.5)
        self._close_open()
        if wrong := self._sick():
            Incident.objects.filter(system=self.system, state__in=OPEN_STATES).update(agent_stopped=True)
            log.warning("going on with an open incident: %s", wrong)

    def _close_open(self, *states: str) -> None:
        """What is over and nobody else closes: without the agent, when it was handed over (no person is there, and the
        next fault is no part of it), or while it waits for proof that never comes."""
        held = Symptom.objects.filter(incident=OuterRef("pk"), cleared_at__isnull=True, opens=True)
        over = Incident.objects.filter(~Exists(held), system=self.system, state__in=states or OPEN_STATES)
        for incident in over:
            lifecycle.transition(
                incident.number, State.RESOLVED, actor="game day", title="Over: the fault was taken back"
            )

    def _sick(self) -> str:
        open_ = Incident.objects.filter(system=self.system, state__in=OPEN_STATES).first()
        if open_:
            return str(open_)
        held = Symptom.objects.filter(system=self.system, cleared_at__isnull=True, opens=True).first()
        return str(held) if held else ""

    def one(self, fault_id: str, seed: int, timeout_s: float) -> Row:
        fault = find(fault_id)
        row = Row(fault_id, fault.category, seed)
        try:
            self.steady()
        except NotSteady as error:
            row.note = f"not steady before the injection: {error}"
            return row
        with self._approvals(timeout_s):
            self._attempt(row, fault, timeout_s)
        return row

    def _approvals(self, timeout_s: float) -> AbstractContextManager[object]:
        """For this one fault: what is asked before and after it is asked of people."""
        if self.baseline or not self.day:
            return nullcontext()
        seconds = timeout_s + CLOSE_TIMEOUT_S + GRANT_SPARE_S
        return approved(self.system, grants.Scope.GAME_DAY, self.day, by="game day", minutes=seconds / 60)

    def _attempt(self, row: Row, fault: Fault, timeout_s: float) -> None:
        parts = fault.expected.components + fault.targets
        amid = Amid(self.site, service.journal(), f"{fault.id}:{row.seed}", parts, Pipeline(self.system))
        try:
            if self.decoys:
                amid.lead()
            injected = datetime.now(UTC)
            params = {"seed": row.seed}
            pressed = service.press(self.system.slug, fault.id, by="game day", params=params, force=True)
            undo = service.journal().read(str(pressed.pk)).undo
            try:
                with Eyes(lambda: fault.still_broken(self.site, undo) or self.journeys_wrong()) as eyes:
                    service.run(str(pressed.pk))
                    if self.decoys:
                        amid.follow()
                    self._watch(row, fault, eyes, injected, timeout_s)
                self._wait_closed(fault, injected)
                scorecard.grade(row, fault, self.system, injected)
                watched = datetime.now(UTC)
            finally:
                service.revert(str(pressed.pk), "game day")
        finally:
            amid.end()
        if Injection.objects.get(pk=pressed.pk).status == Injection.Status.FAILED:
            row.note = f"could not be put in: {Injection.objects.get(pk=pressed.pk).error}"
        elif self.keep is not None:
            self.keep(row, injected, watched, undo, amid.made)

    def _watch(self, row: Row, fault: Fault, eyes: Eyes, injected: datetime, timeout_s: float) -> None:
        start = injected.timestamp()
        if self.baseline == "restart":
            self._restart_everything(injected)
        if fault.restraint:
            since = eyes.wait_green(start, SUSTAIN_S, timeout_s)
            row.fixed = since is not None and not eyes.broke(start)
            return
        first_bad = self._first_bad(eyes, start, timeout_s)
        since = eyes.wait_green(first_bad, SUSTAIN_S, max(1.0, start + timeout_s - time.time()))
        if since is not None:
            row.fixed, row.repair_s = True, round(since - start, 2)

    def _first_bad(self, eyes: Eyes, start: float, timeout_s: float) -> float:
        """When the fault first showed at the target; a fault that never shows cannot be counted as repaired."""
        until = time.time() + min(60.0, timeout_s)
        while time.time() < until:
            bad = next((m.at for m in eyes.seen if m.at >= start and m.wrong), None)
            if bad is not None:
                return bad
            time.sleep(0.1)
        return time.time()

    def _restart_everything(self, injected: datetime) -> None:
        """The baseline: once something is noticed (or after a while), restart every unit we control."""
        until = time.time() + 30.0
        while time.time() < until:
            if Incident.objects.filter(system=self.system, opened_at__gte=injected).exists():
                break
            time.sleep(0.2)
        time.sleep(RESTART_AFTER_S)
        loaded = services.load(self.system.slug)
        for name, spec in loaded.manifest.services.items():
            if spec.unit is not None:
                try:
                    loaded.runtime.restart(spec.unit, None, 5.0)
                except Exception as error:
                    log.warning("restart of %s: %s", name, error)

    def _wait_closed(self, fault: Fault, injected: datetime) -> None:
        """Give the agent time to finish its verification and its words."""
        if self.baseline or fault.restraint:
            return
        until = time.time() + CLOSE_TIMEOUT_S
        mine = Incident.objects.filter(system=self.system, opened_at__gte=injected)
        while time.time() < until and mine.filter(state__in=OPEN_STATES).exists():
            time.sleep(0.3)


@contextmanager
def approved(
    system: System, scope: str, scope_id: str, *, by: str, minutes: float, actions: Sequence[str] = MENDS
) -> Iterator[PolicyGrant]:
    """Inside, what the agent asks for incidents that open from now on is approved, if it is one of `actions`."""
    grant = grants.give(
        system,
        scope=scope,
        scope_id=scope_id,
        requester=policy.AGENT,
        actions=[*actions, *([grants.WIDENING] if scope == grants.Scope.GAME_DAY else [])],
        created_by=by,
        reason=f"a fault is put in for a {grants.Scope(scope).label}",
        minutes=minutes,
    )
    try:
        yield grant
    finally:
        grants.end(grant, by)


@contextmanager
def agent_set(system: System, on: bool, by: str) -> Iterator[None]:
    """Inside, the agent is on or off for the system. Afterwards it is as before, unless a person has said otherwise."""
    rows = System.objects.filter(pk=system.pk)
    changed = rows.filter(agent_on=not on).update(agent_on=on)
    if changed:
        audit.append(by, f"agent.{'on' if on else 'off'}", system=system.slug)
    try:
        yield
    finally:
        if changed and rows.filter(agent_on=on).update(agent_on=not on):
            audit.append(by, f"agent.{'off' if on else 'on'}", system=system.slug)


def play(driver: Driver, faults: list[str], seeds: int, by: str, timeout_s: float) -> GameDay:
    """All faults, all seeds, one table. Approvals are granted fault by fault, and counted."""
    mode = "decoys" if driver.decoys else "plain"
    day = GameDay.objects.create(baseline=driver.baseline, mode=mode, by=by)
    driver.day = str(day.pk)
    try:
        with agent_set(driver.system, not driver.baseline, by):
            for seed in range(1, seeds + 1):
                for fault_id in faults:
                    driver.say(f"seed {seed}  {fault_id} ...")
                    row = driver.one(fault_id, seed, timeout_s)
                    GameDayRun.objects.create(game_day=day, **row.as_json())
                    driver.say(_line(row))
    finally:
        GameDay.objects.filter(pk=day.pk).update(ended_at=datetime.now(UTC))
    day.refresh_from_db()
    return day


def _line(row: Row) -> str:
    seen = f"seen {row.detect_s} s" if row.detected else "not seen"
    named = "named" if row.component_ok and row.cause_ok else f"named {row.note}"
    mended = f"mended {row.repair_s} s" if row.fixed else "not mended"
    return f"        {seen}, {named}, {mended}"
