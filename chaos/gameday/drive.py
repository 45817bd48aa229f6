"""Drive runs on a running portal: inject, watch, record, put back, grade."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from django.db.models import Exists, OuterRef

from actions import grants
from chaos import service
from chaos.faults.base import Fault, Undo
from chaos.gameday import BY, grading, roles
from chaos.gameday.allowed import approved
from chaos.gameday.amid import Amid, Made
from chaos.gameday.answers import Groups, beside, key_of
from chaos.gameday.baselines import Baseline, thoughtless
from chaos.gameday.draws import Draw
from chaos.gameday.grading import Act, Key, Record
from chaos.gameday.leftover import left
from chaos.gameday.look import Target
from chaos.gameday.measure import Eyes
from chaos.gameday.recorded import record
from chaos.gameday.sentinels import Planted
from chaos.gameday.told import Pipeline
from chaos.models import Injection
from chaos.registry import find
from chaos.scorecard import Row
from chaos.site import Site
from incidents import lifecycle
from incidents.models import OPEN_STATES, Incident, State, Symptom
from systems import services
from systems.models import System
from systems.probes import journeys
from systems.services import LoadedSystem

log = logging.getLogger(__name__)

SUSTAIN_S = 30.0
STEADY_S = 5.0
STEADY_TIMEOUT_S = 90.0
CLOSE_TIMEOUT_S = 45.0
AFTERWARDS_S = 3.0  # looked on so long after it was said to be over
SHOWS_S = 60.0
READ_S = 6.0  # within this the ledger has read everything once more
APART_S = 3.0  # from the first fault of a pair to the second
PLANTED_S = 2.0
GRANT_SPARE_S = (
    180.0  # what an attempt may take beyond its time, before what was approved for it ends by itself
)

Say = Callable[[str], None]
# Gets each run once its fault is taken back, when that was put in, until when the run was watched, what the fault
# found to put back, and the harmless changes made around it.
Keep = Callable[[Row, datetime, datetime, dict[str, Any], list[Made]], None]


class NotSteady(Exception):
    """The system is not healthy before the injection, so that nothing could be learnt from it."""


@dataclass
class Put:
    """One fault that is put in, with the game day's own eyes on it, and what came of it."""

    fault: Fault
    press: Injection
    undo: Undo
    eyes: Eyes
    at: datetime
    ran: frozenset[str]  # the units that ran before
    record: Record = field(default_factory=lambda: Record(0.0))
    whole: bool = False
    whole_at: float | None = None

    @property
    def id(self) -> str:
        return str(self.press.pk)

    def key(self, made: list[Made], groups: Groups) -> Key:
        return key_of(self.fault, self.undo, made, groups)


@dataclass
class Driver:
    """`baseline` is "" for the agent; see chaos/gameday/baselines.py for the others. `day`: what approvals given in
    advance are for; "" = people approve. `keep`: see Keep."""

    system: System
    baseline: str
    say: Say
    day: str = ""
    keep: Keep | None = None
    before: Callable[[], None] | None = None  # called before each run

    @property
    def site(self) -> Site:
        return Site.load(Path(self.system.manifest_path).parent)

    @cached_property
    def loaded(self) -> LoadedSystem:
        """As it is at first sight: whatever becomes of the manifest, the game day goes on measuring by this one."""
        return services.load(self.system.slug)

    def journeys_wrong(self) -> str:
        return "; ".join(self.failing())

    def failing(self) -> Sequence[str]:
        """The journeys that do not work now, and why."""
        return journeys.failures(self.loaded)

    def steady(self) -> None:
        """Wait for green journeys with no open incident. Raises NotSteady with what is wrong."""
        with Eyes(self.journeys_wrong) as eyes:
            if eyes.wait_green(time.time(), STEADY_S, STEADY_TIMEOUT_S) is None:
                raise NotSteady(eyes.last_wrong())
        self._calm()

    def _calm(self) -> None:
        """Wait until no incident is open: what is put in beside one would be part of it."""
        until, closed = time.time() + STEADY_TIMEOUT_S, 0
        while self._sick() and time.time() < until:
            closed += self._close_open(*(() if self.baseline else (State.HANDED_OVER,)))
            time.sleep(0.5)
        if closed + self._close_open():  # what is changed next is not to look like what ended it
            time.sleep(READ_S)
        if wrong := self._sick():
            Incident.objects.filter(system=self.system, state__in=OPEN_STATES).update(agent_stopped=True)
            log.warning("going on with an open incident: %s", wrong)

    def _close_open(self, *states: str) -> int:
        """What is over and nobody else closes: without the agent, when it was handed over (no person is there, and the
        next fault is no part of it), or while it waits for proof that never comes. How many there were."""
        held = Symptom.objects.filter(incident=OuterRef("pk"), cleared_at__isnull=True, opens=True)
        over = Incident.objects.filter(~Exists(held), system=self.system, state__in=states or OPEN_STATES)
        closed = [incident.number for incident in over]
        for number in closed:
            lifecycle.transition(number, State.RESOLVED, actor=BY, title="Over: the fault was taken back")
        return len(closed)

    def _sick(self) -> str:
        open_ = Incident.objects.filter(system=self.system, state__in=OPEN_STATES).first()
        if open_:
            return str(open_)
        held = Symptom.objects.filter(system=self.system, cleared_at__isnull=True, opens=True).first()
        return str(held) if held else ""

    def one(self, draw: Draw, timeout_s: float) -> Row:
        faults = [find(name) for name in draw.faults]
        category = faults[0].category if len(faults) == 1 else "pair"
        row = Row(draw.name, category, draw.seed, draw.mode, outcome=grading.MISSED)
        try:
            self.steady()
        except NotSteady as error:
            row.note = f"not steady before the injection: {error}"
            return row
        with self._approvals(faults, timeout_s):
            return self._attempt(row, faults, draw, timeout_s)

    def _approvals(self, faults: list[Fault], timeout_s: float) -> AbstractContextManager[object]:
        """For this one run: what is asked before and after it is asked of people."""
        if self.baseline or not self.day:
            return nullcontext()
        seconds = timeout_s + CLOSE_TIMEOUT_S + GRANT_SPARE_S
        also = [action for fault in faults for action in fault.approves]
        return approved(self.system, grants.Scope.GAME_DAY, self.day, by=BY, minutes=seconds / 60, also=also)

    def _attempt(self, row: Row, faults: list[Fault], draw: Draw, timeout_s: float) -> Row:
        parts = [part for fault in faults for part in fault.expected.components + fault.targets]
        amid = Amid(self.site, service.journal(), f"{row.fault}:{row.seed}", parts, Pipeline(self.system))
        planted = Planted(self.site)
        put: list[Put] = []
        acts: list[Act] = []
        try:
            planted.plant()
            if draw.amid:
                amid.lead()
                self._calm()
            planted.send()
            with Eyes(planted.look, PLANTED_S) as kept:
                try:
                    self._press(faults, row.seed, put)
                    acts = self._run(put, amid if draw.amid else None, timeout_s)
                    watched = datetime.now(UTC)
                finally:
                    for one in reversed(put):
                        service.revert(one.id, BY)
        except service.Refused as error:
            row.note = f"could not be put in: {error}"
            return row
        finally:
            amid.end()
        if not self.baseline and put:
            row.left = left(self.site, self.system, put[0].ran, put[0].at)
        graded = self._graded(row, put, acts, amid.made, planted, kept)
        planted.clear()
        if self.keep is not None and len(put) == 1 and not row.note.startswith("could not be put in"):
            self.keep(graded, put[0].at, watched, put[0].undo, amid.made)
        return graded

    def _press(self, faults: list[Fault], seed: int, put: list[Put]) -> None:
        """Arm them: nothing is broken yet."""
        for fault in faults:
            press = service.press(self.system.slug, fault.id, by=BY, params={"seed": seed}, force=True)
            undo = service.journal().read(str(press.pk)).undo
            target = Target(self.site, fault, undo, self.failing if len(faults) == 1 else None)
            eyes = Eyes(target, felt=partial(getattr, target, "felt"))
            put.append(Put(fault, press, undo, eyes, datetime.now(UTC), target.ran))

    def _run(self, put: list[Put], amid: Amid | None, timeout_s: float) -> list[Act]:
        """Break, watch, and read what the records say. What a baseline did, else nothing."""
        since = datetime.now(UTC)
        acts: list[Act] = []
        with ExitStack() as open_:
            for place, one in enumerate(put):
                if place:
                    time.sleep(APART_S)
                one.at = datetime.now(UTC)
                open_.enter_context(one.eyes)
                if service.run(one.id).status == Injection.Status.FAILED:
                    return acts
            if amid is not None:
                amid.follow()
            if self.baseline:
                done = Baseline(self.baseline, self.system, self.loaded, put[0].id, amid).act(since)
                acts = roles.of_acts(done, self.site.names)
            self._watch(put, since, timeout_s)
            self._wait_closed(put, since)
        for one in put:
            found = record(one.fault, self.system, one.at if len(put) == 1 else since, alone=len(put) == 1)
            one.record = roles.of_record(found, self.site.names)
            one.record.injected_at = one.at.timestamp()
            if self.baseline:
                one.record = thoughtless(one.record, self.baseline)
        return acts

    def _watch(self, put: list[Put], since: datetime, timeout_s: float) -> None:
        end = since.timestamp() + timeout_s
        for one in put:
            start = one.at.timestamp()
            if one.fault.restraint:
                held = one.eyes.wait_green(start, SUSTAIN_S, max(1.0, end - time.time()))
                one.whole = held is not None and not one.eyes.broke(start)
                continue
            bad = self._first_bad(one.eyes, start, min(SHOWS_S, timeout_s))
            one.whole_at = one.eyes.wait_green(bad, SUSTAIN_S, max(1.0, end - time.time()))
            one.whole = one.whole_at is not None
        if len(put) > 1 and all(one.whole for one in put):
            with Eyes(self.journeys_wrong) as eyes:  # each was measured at its own target
                if eyes.wait_green(time.time(), SUSTAIN_S, CLOSE_TIMEOUT_S) is None:
                    for one in put:
                        one.whole = False

    def _first_bad(self, eyes: Eyes, start: float, timeout_s: float) -> float:
        """When the fault first showed at the target; a fault that never shows cannot be counted as repaired."""
        until = time.time() + timeout_s
        while time.time() < until:
            bad = next((m.at for m in eyes.seen if m.at >= start and m.wrong), None)
            if bad is not None:
                return bad
            time.sleep(0.1)
        return time.time()

    def _wait_closed(self, put: list[Put], since: datetime) -> None:
        """Give the agent time to finish its verification and its words, and look on for a moment after them."""
        if not self.baseline and not all(one.fault.restraint for one in put):
            until = time.time() + CLOSE_TIMEOUT_S
            mine = Incident.objects.filter(system=self.system, opened_at__gte=since)
            left = [s for s in OPEN_STATES if s != State.HANDED_OVER]
            while time.time() < until and mine.filter(state__in=left).exists():
                time.sleep(0.3)
        time.sleep(AFTERWARDS_S)

    def _graded(
        self, row: Row, put: list[Put], acts: list[Act], made: list[Made], planted: Planted, kept: Eyes
    ) -> Row:
        for one in put:
            one.press.refresh_from_db()
            if one.press.status == Injection.Status.FAILED:
                row.note = f"could not be put in: {one.press.error}"
                return row
        groups = roles.of_groups(self.loaded.graph.groups, self.site.names)
        keys = [one.key(made, groups) for one in put]
        done = [*acts, *put[0].record.acts]
        lost = planted.lost(kept.seen, min((act.at for act in done), default=None))
        rows = []
        for one, key in zip(put, keys, strict=True):
            mine = row if len(put) == 1 else Row(one.fault.id, one.fault.category, row.seed, row.mode)
            one.record.acts, one.record.looks, one.record.planted_lost = done, one.eyes.seen, lost
            one.record.whole, one.record.whole_at, one.record.left = one.whole, one.whole_at, row.left
            grading.grade(mine, one.record, beside(key, keys))
            rows.append(mine)
        return rows[0] if len(rows) == 1 else grading.both(row.fault, rows[0], rows[1])
