"""An incident that comes back: its run goes on in the old one, what was done is known not to have held, and from the
third time on a person decides."""

from __future__ import annotations

from django.db import transaction

from actions.models import ActionRequest, Status
from agent.journal import Outcome
from agent.models import Call, Phase, Run
from incidents import returned
from incidents.facts import Moved
from incidents.findings import Finding
from incidents.models import Incident, State
from knowledge import lessons

MOST = 3  # returns at which nothing more is done alone


def look(run: Run, *, over: bool = False) -> Outcome | None:
    """The step that makes this run's new incident part of the one that it is again; None when it is none's return.

    `over`: it went away before its cause was found."""
    old = returned.before(Incident.objects.get(pk=run.incident_id), over=over)
    if old is None or Run.objects.filter(incident=old).exclude(phase=Phase.DONE).exists():
        return None  # its last words are being written: at the next look they are
    run.case.picture = run.case.shown = None  # the old one is told what is thought, at once
    name = f"the same as #{old.number}, which came back"
    return Outcome(Phase.DIAGNOSE, name, {"incident": old.number}, within=lambda: _go_on_in(run, old))


def _go_on_in(run: Run, old: Incident) -> None:
    """In the transaction of the step: the lease has been checked, and both incidents are locked."""
    new = run.incident_id
    did = [(r.cause, r.did) for r in old.repairs if r.mended]
    with transaction.atomic():
        found = returned.open_again(old.number, new)
        if found is None:
            return  # a person was quicker: the next step sees what is so now
        Run.objects.filter(incident=new).update(incident=found)
        asked = Call.objects.filter(incident=found).values("asked")
        Call.objects.filter(incident=new).exclude(asked__in=asked).update(incident=found)
        for cause, words in did:
            _did_not_hold(old, cause, words)
        lessons.forget_cure(old.number)
    run.incident = found


def _did_not_hold(old: Incident, cause: str, did: list[str]) -> None:
    """Outcome statistics: each step that was taken for a cure was none."""
    mine = ActionRequest.objects.filter(incident=old, status=Status.SUCCEEDED, undo_of=None)
    done = {f"{r.slug} on {r.target}": r.slug for r in mine.exclude(run_id=None)}
    for words in did:
        if words in done:
            lessons.record_outcome(cause, done[words], worked=False, system_slug=old.system.slug)


def too_often(incident: Incident, leader: Finding) -> str:
    """Why nothing more is done alone against what leads: what was done did not hold, MOST times since a person gave it
    to the agent last. What came back without having been repaired for this cause may still be."""
    repairs = [r for r in incident.repairs if (r.component, r.cause) == (leader.component, leader.cause)]
    if max((r.returned for r in repairs), default=0) < MOST:
        return ""
    given = incident.events.filter(kind=Moved.kind, data__to=State.DIAGNOSING, data__person=True)
    last = given.order_by("-seq").values_list("at", flat=True).first()
    if last is not None and sum(o.opened_at > last for o in incident.all_openings) < MOST:
        return ""
    minutes = (incident.started_at - incident.first_started_at).total_seconds() / 60
    return (
        f"it came back {incident.flaps} times in {max(1, round(minutes))} min, each time after it had been measured to"
        " be over: what is done against it does not hold"
    )
