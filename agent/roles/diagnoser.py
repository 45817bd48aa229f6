"""The built-in diagnoser: runbooks and evidence through the reasoner. No key, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agent import reasoner
from agent.context import seconds_seen
from agent.reasoner import Diagnosis, Hypothesis, history
from agent.reasoner import Evidence as Observed
from agent.reasoner.types import Boosts, Change, Learned
from agent.roles import cures
from agent.roles.base import TAKES_BACK
from incidents import evidence
from incidents.evidence import SignalState
from incidents.findings import Evidence, Finding, Opinion, PlannedStep, Question, somewhere_in
from incidents.models import Incident
from incidents.signals.catalog import RUNS
from incidents.verdict import ACT_AT, NAMED_AT
from knowledge import lessons
from knowledge import service as knowledge
from knowledge.spec import RunbookSpec
from systems import services
from systems.manifest import Manifest
from systems.state import ledger

LOOKED_BACK = timedelta(hours=24)
EVIDENT_BITS = 3.0  # by its time and its words: what tells less is not taken back for it
STARTS_ANEW = "restart-service"
HELD_BY_WHAT_RUNS = (*history.BY_A_START, *history.RUNS, "flag")
SETTLES_S = 8.0  # what a fault brings for others shows within this


class ReasoningDiagnoser:
    """Ranks every runbook's cause on every component; never acts."""

    def diagnose(self, incident: Incident, states: list[SignalState]) -> Opinion:
        changes = _changes(incident)
        system = services.load(incident.system.slug)
        return opinion(diagnosis(incident, states, changes), changes, system.manifest)

    def ask(self, incident: Incident, question: Question) -> SignalState:
        return evidence.run_check(incident.system.slug, question.signal, question.service)


def diagnosis(
    incident: Incident, states: Sequence[SignalState], changes: Sequence[Change] | None = None
) -> Diagnosis:
    """What the reasoner makes of the states of the incident's system, with what is known and learned of it. `changes`:
    None = those of the ledger."""
    system = services.load(incident.system.slug)
    seen = [(s.signal, s.service) for s in states if s.value]
    specs = knowledge.active_specs()
    return reasoner.diagnose(
        specs,
        system,
        states,
        boosts=lessons.boosts(lessons.similar(seen, system_slug=system.slug)),
        learned=lessons.learned(specs, system.slug, system.graph),
        settled=settled(seconds_seen(incident, states)),
        changes=_changes(incident) if changes is None else changes,
        now=timezone.now(),
        leaks=evidence.picture(system.slug).leaks,
    )


def think(
    system: Any,
    states: Sequence[SignalState],
    specs: Sequence[RunbookSpec],
    *,
    boosts: Boosts | None = None,
    learned: Learned | None = None,
    settled: float = 1.0,
    changes: Sequence[Change] = (),
    now: datetime | None = None,
    leaks: Mapping[str, float] | None = None,
) -> Opinion:
    """What the reasoner makes of one picture. No database, no network; the parameters as of `reasoner.diagnose`."""
    answer = reasoner.diagnose(
        specs,
        system,
        states,
        boosts=boosts,
        learned=learned,
        settled=settled,
        changes=changes,
        now=now,
        leaks=leaks,
    )
    return opinion(answer, changes)


def opinion(answer: Diagnosis, changes: Sequence[Change], manifest: Manifest | None = None) -> Opinion:
    """As the case file keeps it. `changes`: among which the answer was found. `manifest`: of the system; it may declare
    what mends a cause there."""
    # The most probable set first: with two faults at once both lead, in the order of their own odds.
    leading = [h.key for h in answer.leading]
    ranked = sorted(answer.hypotheses, key=lambda h: (h.key not in leading, -h.probability))
    questions = [
        Question(signal=c.signal, service=c.service, gain=c.gain_bits, title=c.title)
        for c in answer.next_checks
        if c.signal in RUNS
    ]
    found = [finding(h, takes_back(h, changes), cures.declared(manifest, h)) for h in ranked]
    part, sure = answer.place
    is_surer = sure >= ACT_AT and (
        not ranked or (ranked[0].component != part and ranked[0].probability < sure)
    )
    return Opinion(
        findings=found,
        none_probability=answer.none_probability,
        questions=questions,
        place=somewhere_in(part, sure) if is_surer else _suspected(answer),
    )


def _suspected(answer: Diagnosis) -> Finding | None:
    """The part in which something unknown would be, where that is likelier than each cause that is known: so that who
    is called hears where to look first, and not only of a guess that is less likely still."""
    part, p = answer.suspect
    best = max((h.probability for h in answer.hypotheses), default=0.0)
    return somewhere_in(part, p) if part and p >= max(best, NAMED_AT) and best < ACT_AT else None


def _changes(incident: Incident) -> Sequence[Change]:
    """What may have changed shortly before the trouble, or since: what came after it is told to be no cause of it."""
    return ledger.changes_between(incident.system_id, incident.started_at - LOOKED_BACK, timezone.now())


def settled(seconds: float) -> float:
    """How much of what a fault brings for others has had time to show, so long after its first symptom: 0 to 1."""
    return min(1.0, seconds / SETTLES_S)


def takes_back(h: Hypothesis, changes: Sequence[Change]) -> list[list[PlannedStep]]:
    """The paths of a change that is a cause of its own: to take it back, on every replica that was changed alike; then
    one by one, what else was changed in the same go, since nothing told them apart, and all of it. Where it is back
    already, and the trouble is not over, the rest of its go is not; and what began under it goes on: started anew it
    does not. Where a named cause evidently follows from a change, that is its last path."""
    if h.change is None or not h.is_taken_back:
        return []
    if h.kind != "change" and (h.change_bits < EVIDENT_BITS or not h.change.id):
        return []
    if h.kind == "change" and history.undone(h.change, changes) is not None:
        alike, others = history.go_of(h.change, changes, h.members)
        rest = [_back(c) for c in [*alike[1:], *others] if history.undone(c, changes) is None]
        step = PlannedStep(action=STARTS_ANEW, target=h.component)
        anew = [[step]] if h.change.kind in HELD_BY_WHAT_RUNS else []
        return [*([rest] if rest else []), *anew]
    if h.kind != "change":
        settled = h.change.kind not in history.OF_A_MOMENT
        return [[_back(c) for c in history.go_of(h.change, changes, h.members)[0]]] if settled else []
    alike, others = history.go_of(h.change, changes, h.members)
    whole = [[_back(c) for c in [*alike, *others]]] if others else []
    return [[_back(c) for c in alike], *([_back(c)] for c in others), *whole]


def _back(change: Change) -> PlannedStep:
    return PlannedStep(action=TAKES_BACK, target=change.component, params={"change": change.id})


def finding(
    h: Hypothesis, paths: list[list[PlannedStep]], declared: Sequence[list[PlannedStep]] = ()
) -> Finding:
    """`declared`: the system's own ways to repair, which come before what a runbook says of all systems."""
    return Finding(
        component=h.component,
        cause=h.cause,
        detail=h.detail,
        title=h.title,
        summary=h.summary,
        probability=h.probability,
        pro=[_shown(e) for e in h.evidence_for],
        con=[_shown(e) for e in h.evidence_against],
        category=h.category,
        severity=h.severity,
        change_id=h.change.id if h.change else "",
        change_kind=h.change.kind if h.change else "",
        prevent=h.prevent,
        paths=[
            *declared,
            *(
                [PlannedStep(action=s.action, target=s.target, params=s.params) for s in path]
                for path in h.paths
            ),
            *paths,
        ],
    )


def _shown(seen: Observed) -> Evidence:
    """As the finding keeps it: a weight for sorting, words for reading."""
    return Evidence(
        text=seen.text,
        weight=seen.bits,
        source=seen.source,
        signal=seen.signal,
        service=seen.service,
        missing=seen.missing,
    )
