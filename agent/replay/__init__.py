"""A bundle through detection and diagnosis again: no database, no network, no processes, and no clock but the bundle's.

The engine gets the ticks as it got them live; from the first symptom that opens an incident each further look asks the
reasoner, until its own rule for steadiness would act. What it would hand over is looked into again when something new
shows. See docs/bundle.md for what this can and cannot repeat.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent import doubt, looks
from agent.case import Answer, Case
from agent.context import is_history
from agent.phases import diagnose
from agent.replay.held import Held, Symptom
from agent.replay.recorded import Act, Answers, acts_of, as_system
from agent.roles.diagnoser import settled, think
from agent.service import MAX_RUNS
from agent.statements import told_in_order
from incidents.bundles import Bundle, Tick
from incidents.findings import Finding, Opinion
from incidents.signals import CATALOG
from incidents.signals.judging.engine import Engine
from knowledge.spec import RunbookSpec

MOST_ASKS = 12  # in one look


@dataclass(frozen=True)
class Said:
    """A diagnosis, `at` seconds after the trouble of the bundle begins. `stated`: a part's own words. `change_id`: of
    the bundle's changes the one it blames; "": none."""

    component: str
    cause: str
    detail: str
    title: str
    probability: float
    at: float
    stated: bool = False
    blames: str = ""  # what the change is of that it blames
    change_id: str = ""

    @property
    def key(self) -> str:
        return ":".join(p for p in (self.component, self.cause, self.detail) if p)


@dataclass
class Replayed:
    """What came of it. `first`: the first that would have been called the cause; `last`: what led when the rule for
    steadiness would act (`ended`: plan or hand_over, at `ended_at`), or at the end of the bundle. Seconds of the
    bundle; `took_s` of the replay.

    `unanswered`: questions asked that the recording has no answer to."""

    opened_at: float | None = None
    first: Said | None = None
    last: Said | None = None
    ended: str = ""
    ended_at: float | None = None
    why: str = ""
    looks: int = 0
    runs: int = 1  # with those after a hand-over
    asked: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    lasted_s: float = 0.0
    took_s: float = 0.0


def run(bundle: Bundle, specs: Sequence[RunbookSpec]) -> Replayed:
    """Replay `bundle` with these runbooks."""
    began = time.perf_counter()
    replay = _Replay(bundle, specs)
    for tick in bundle.ticks:
        replay.take(tick)
        if replay.result.ended not in ("", "hand_over"):
            break
    replay.result.lasted_s = bundle.seconds
    replay.result.took_s = time.perf_counter() - began
    return replay.result


class _Replay:
    """One bundle on its way through engine and reasoner."""

    def __init__(self, bundle: Bundle, specs: Sequence[RunbookSpec]) -> None:
        self.bundle, self.specs = bundle, specs
        self.system = as_system(bundle.manifest)
        slug = bundle.manifest.system
        self.engine = Engine(self.system.graph, CATALOG.of(slug), CATALOG.words(slug))
        self.engine.import_baselines(bundle.normal, bundle.start)
        self.held = Held()
        self.acts = acts_of(bundle.changes)
        self.changes = bundle.changes
        self.answers = Answers(bundle.timeline)
        self.case = Case()
        self.judged: datetime | None = None  # the last picture that counted as a look of the result's
        self.part = ""
        self.started: datetime | None = None
        self.looked = -1e9
        self.result = Replayed()

    def take(self, tick: Tick) -> None:
        at = self.bundle.time(tick.at)
        changes = self.engine.feed(at, tick.readings, full=not tick.mini, starved=tick.starved)
        opened = self.held.take(changes, at, self.engine, full=not tick.mini)
        opening = [h for h in opened if h.opens]
        if opening and self.started is None and tick.at >= self.bundle.trouble_from:
            self.part = self.system.graph.part(opening[0].service)
            self.started = min(h.first_seen for h in opening)
            self.held.drop_cleared()
            self.result.opened_at = self._since(tick.at)
        elif self.result.ended and not self._again(opening):
            return
        if self.started is not None and not (tick.mini and tick.at - self.looked < diagnose.TICK_S):
            self.looked = tick.at
            self._look(at, tick.at)

    def _again(self, opened: Sequence[Symptom]) -> bool:
        """Whether what was handed over is looked into once more, because of something new; as `agent.service` does."""
        new = [h for h in opened if self.system.graph.part(h.service) == self.part]
        if not new or self.result.runs >= MAX_RUNS:
            return False
        self.case, self.judged = Case(), None
        self.result.runs += 1
        self.result.ended, self.result.ended_at, self.result.why = "", None, ""
        return True

    def _look(self, at: datetime, seconds: float) -> None:
        mine = [h for h in self.held.all if self.system.graph.part(h.service) == self.part]
        holding = [h.signal for h in mine if h.opens and h.cleared_at is None]
        past = len(holding) if is_history(holding) else 0
        turn = diagnose.turn_of(self.case, at, healed=not holding, history=lambda: past)
        if turn == "over":
            self._end("over", seconds, "the symptoms went away by themselves")
        if turn == "watch":
            self._note(self._opinion(at, mine), seconds)
        if turn != "look":
            return
        if looks.is_fresh(at, self.judged):
            self.judged = at
            self.result.looks += 1
        for _ in range(MOST_ASKS):
            found = self._opinion(at, mine)
            self._note(found, seconds)
            step = diagnose.decide(self.case, found)
            if step.question is None:
                if step.what != "look":
                    self._end(step.what, seconds, step.why)
                return
            answer = self.answers.to(step.question.signal, step.question.service)
            self.result.asked.append(step.question.key)
            if answer is None:
                self.result.unanswered.append(step.question.key)
            value, text = answer or (None, "nobody asked this when it was recorded")
            asked = step.question
            self.case.answers.append(
                Answer(signal=asked.signal, service=asked.service, value=value, text=text)
            )

    def _opinion(self, at: datetime, mine: Sequence[Symptom]) -> Opinion:
        assert self.started is not None
        share = settled((at - self.started).total_seconds())
        return diagnose.weigh(
            self.system,
            diagnose.with_answers(self.engine.states(), self.case.answers),
            lambda states: think(
                self.system,
                states,
                self.specs,
                settled=share,
                changes=[c for c in self.changes if c.first_new <= at],
                now=at,
                leaks=self.engine.leaks.rates(self.engine.catalog),
            ),
            acts=[a for a in self.acts if self._recent(a, at)],
            failed={},
            said=told_in_order(self.held.statements(mine)),
        )

    def _recent(self, act: Act, at: datetime) -> bool:
        return self.started is not None and self.started - doubt.LOOKED_BACK <= act.claimed_at <= at

    def _note(self, found: Opinion, seconds: float) -> None:
        leader = found.leading
        self.result.last = self._said(leader, seconds) if leader is not None else None
        called = leader is not None and (leader.stated or looks.is_called(leader, self.case))
        if called and self.result.first is None:
            self.result.first = self.result.last

    def _said(self, leader: Finding, seconds: float) -> Said:
        return Said(
            leader.component,
            leader.cause,
            leader.detail,
            leader.title,
            round(leader.probability, 4),
            self._since(seconds),
            leader.stated,
            next((c.thing for c in self.bundle.changes if c.id and c.id == leader.change_id), ""),
            leader.change_id,
        )

    def _since(self, seconds: float) -> float:
        return round(seconds - self.bundle.trouble_from, 2)

    def _end(self, what: str, seconds: float, why: str) -> None:
        self.result.ended, self.result.ended_at, self.result.why = what, self._since(seconds), why
