"""Whether a repair may be credited with the end of what it was for: what was over before it began, it did not end."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Min

from actions.models import ActionRequest
from agent import relapse
from agent.context import key_of
from agent.models import Run
from incidents.models import Symptom


def began(run: Run) -> datetime | None:
    """When the first effect of the path began; None while there is none."""
    attempt = run.case.attempt
    mine = ActionRequest.objects.filter(pk__in=attempt.requests if attempt else [])
    found: datetime | None = mine.aggregate(at=Min("claimed_at"))["at"]
    return found


def over_before(run: Run) -> set[str]:
    """Keys of the incident's symptoms that were seen to end before the first effect, and did not come back."""
    at = began(run)
    if at is None:
        return set()
    rows = list(Symptom.objects.filter(incident=run.incident_id))
    return {key_of(r) for r in rows if _was_over(r, at)} - {key_of(r) for r in rows if not _was_over(r, at)}


def is_none_of_ours(run: Run) -> bool:
    """Whether all that was to be repaired had gone by itself before anything was done. Of what comes and goes, a quiet
    moment says nothing; a change that still stood then is told by its own sign."""
    over, finding = over_before(run), run.case.acted_on
    if not over:
        return False
    shown = {(e.signal, e.service) for e in finding.pro} if finding else set()
    mine = Symptom.objects.filter(incident=run.incident_id)
    if any(key_of(r) not in over for r in mine if r.opens or (r.signal, r.service) in shown):
        return False
    incident, at = run.incident, began(run)
    return not relapse.longest_gap(incident, relapse.exits(incident), at) and not relapse.proofs(
        incident, relapse.Done(at)
    )


def _was_over(row: Symptom, at: datetime) -> bool:
    return row.cleared_at is not None and not row.given_up and row.cleared_at < at
