"""Two troubles in one incident, of which one is mended.

What its repair was for is gone, and what still holds has a cause of its own on another part: that is another incident,
with a story of its own, and this one is measured to its end for what it was about.
"""

from __future__ import annotations

from django.db.models import QuerySet

from agent.case import Case, Solved
from agent.context import symptom_key
from agent.models import Run
from incidents import regroup
from incidents.explained import Move
from incidents.findings import Finding, Opinion
from incidents.models import Incident, Symptom
from incidents.signals import CATALOG
from systems import services


def note(case: Case) -> None:
    """What was done for the cause that was acted on has helped, and yet not all is well."""
    if case.attempt is not None and case.acted_on is not None:
        attempt = case.attempt.model_copy(deep=True)
        case.solved = Solved(finding=case.acted_on, attempt=attempt, before=list(case.before))


def signs(run: Run, finding: Finding) -> set[str]:
    """What tells whether it is gone: its signs on its own part, which nothing else brings about. What its callers and
    its users feel goes on for another cause as well, and is told by only where there is nothing else."""
    members = services.load(run.incident.system.slug).graph.members(finding.component)
    all_ = {symptom_key(e.signal, e.service) for e in finding.pro}
    own = {
        symptom_key(e.signal, e.service) for e in finding.pro if e.service in members and _is_own(e.signal)
    }
    return own or all_


def _is_own(signal: str) -> bool:
    known = CATALOG.get(signal)
    return known is not None and known.opens and (known.down or known.klass in ("own", "refuses"))


def hand_on(run: Run, other: Finding) -> int | None:
    """Give what still holds to an incident of its own where `other` explains it, and take up again what this one was
    about. Its number; None where there is nothing to tell apart."""
    solved = run.case.solved
    if solved is None or solved.attempt.acted_at is None or not other.component:
        return None
    if not _is_another(run, solved.finding, other):
        return None
    held = list(_held(run))
    shown = signs(run, solved.finding)
    if any(symptom_key(row.signal, row.service) in shown for row in held):
        return None  # it is not gone
    names = frozenset((row.signal, row.service, row.label) for row in held)
    number = regroup.carry_out(Move(names, run.incident_id, None, other.key, other.component))
    if number is None:
        return None
    _take_up(run, solved)
    return number


def go_on(run: Run) -> bool:
    """What was left went by itself before its cause was known: the incident is what was mended, and is measured to its
    end for that. False where nothing is mended."""
    solved = run.case.solved
    if solved is None or solved.attempt.acted_at is None:
        return False
    _take_up(run, solved)
    return True


def _take_up(run: Run, solved: Solved) -> None:
    case = run.case
    case.solved, case.attempt, case.before = None, solved.attempt, solved.before
    case.opinion = Opinion(findings=[solved.finding], none_probability=1 - solved.finding.probability)
    case.measuring = case.acted_before = None
    _call(run, solved.finding)


def _is_another(run: Run, one: Finding, other: Finding) -> bool:
    graph = services.load(run.incident.system.slug).graph
    return not {*graph.members(one.component)} & {*graph.members(other.component)}


def _held(run: Run) -> QuerySet[Symptom]:
    return Symptom.objects.filter(incident=run.incident_id, cleared_at=None)


def _call(run: Run, finding: Finding) -> None:
    """The incident's cause is again the one that was repaired."""
    Incident.objects.filter(pk=run.incident_id).update(
        hypotheses=[finding],
        component=finding.component,
        cause=finding.cause,
        detail=finding.detail,
        summary=finding.summary,
        category=finding.category,
        confidence=None if finding.stated else finding.probability,
    )
    run.incident.refresh_from_db()
