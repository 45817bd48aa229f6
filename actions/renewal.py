"""Silence is neither yes nor no: what waits too long is measured again and goes on waiting.

A renewed request whose target or evidence changed has another digest, so that it takes a decision of its own. It is
withdrawn when its reason is gone. An approval that nobody used in time lapses: the request waits again.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from actions import events, gate, grants, lifecycle, policy
from actions.base import ActionRefused
from actions.models import ActionRequest, Decision, Status
from incidents.facts import Asked
from incidents.models import State

log = logging.getLogger(__name__)
PORTAL = "opsportal"


@dataclass(slots=True)
class Look:
    """What measuring again found: `gone` says why nothing is left to ask, `unsure` why it could not be told."""

    gone: str = ""
    unsure: str = ""
    verdict: str = policy.Verdict.ASK
    fresh: dict[str, Any] = field(default_factory=dict)


def _due() -> QuerySet[ActionRequest]:
    """What has waited, or was approved and not run, for its time; and what the agent need not ask any more."""
    over = Q(requested_by=policy.AGENT) & (
        Q(incident__state=State.RESOLVED) | Q(incident__agent_stopped=True) | Q(system__agent_on=False)
    )
    pending = ActionRequest.objects.filter(status__in=(Status.WAITING, Status.APPROVED))
    return pending.filter(Q(expires_at__lte=Now()) | over)


def renew_due() -> int:
    """Ask again, or withdraw, whatever is due. Returns how many."""
    return sum(renew(pk) for pk in list(_due().values_list("pk", flat=True)))


def renew(request_id: uuid.UUID | str) -> bool:
    """Measure one request again if it is due by the database's clock. True when it was renewed or withdrawn.

    The target is looked at before the row is locked: whoever changed the request meanwhile wins."""
    due = _due().filter(pk=request_id)
    seen = due.select_related("system", "incident").first()
    if seen is None:
        return False
    look = _measure(seen)
    with transaction.atomic():
        locked = due.select_for_update(of=("self",)).select_related("system", "incident")
        request = locked.filter(renewals=seen.renewals, status=seen.status).first()
        if request is None:
            return False
        if look.gone:
            return withdraw(request, PORTAL, f"withdrawn: {look.gone}")
        _ask_again(request, look)
    return True


def _measure(request: ActionRequest) -> Look:
    if request.digest != gate.digest(request):
        return Look(gone="it was changed after it was made")
    if request.requested_by == policy.AGENT and not request.system.agent_on:
        return Look(gone=policy.only_watches(request.system))
    if request.requested_by == policy.AGENT and request.incident is not None:
        if not request.incident.is_open:
            return Look(gone=f"incident #{request.incident.pk} is over")
        if request.incident.agent_stopped:
            return Look(gone="a person has taken over, and the agent keeps out")
    try:
        gate.load(request.system.slug)
    except ActionRefused as error:
        return Look(unsure=str(error))
    try:
        bound = gate.bind_anew(request)
        bound.check()
        rated, why = bound.rated()
        ruling = policy.rule(request.system, request.slug, rated, request.requested_by, despite_hold=True)
        if ruling.verdict == policy.Verdict.REFUSE:
            return Look(gone=ruling.why)
        if request.requested_by == policy.AGENT and (asks := bound.asks()):
            ruling = policy.Ruling(policy.Verdict.ASK, asks)
        fresh = {
            "effects": bound.effects,
            "preview": bound.preview(),
            "fingerprint": bound.fingerprint(),
            "risk": rated.value,
            "risk_why": why,
        }
        return Look(verdict=ruling.verdict, fresh=fresh)
    except ActionRefused as error:
        return Look(gone=str(error))
    except Exception as error:  # the target cannot be looked at now, which says nothing of the reason
        log.info("request %s cannot be measured again", request.pk, exc_info=True)
        return Look(unsure=f"{type(error).__name__}: {error}"[:200])


def _ask_again(request: ActionRequest, look: Look) -> None:
    """The row is locked. Whatever the policy says by now, what waited for a person goes on waiting."""
    old = request.digest
    for name, value in look.fresh.items():
        setattr(request, name, value)
    request.digest = gate.digest(request)
    changed = request.digest != old
    values = look.fresh | {
        "digest": request.digest,
        "renewals": F("renewals") + 1,
        "renewed_at": Now(),
        "expires_at": Now() + policy.approval_time(request.system, request.slug),
    }
    values |= {"changed_at": Now()} if changed else {}
    words = "nobody has decided yet"
    if request.status == Status.APPROVED and _stands_by_policy(request, look):
        words = "not run in time, and measured again"
        Decision.objects.filter(request=request).update(digest=request.digest)
        ActionRequest.objects.filter(pk=request.pk).update(**values)
    elif request.status == Status.APPROVED:
        words = f"the approval lapsed unused ({request.status_why})"
        Decision.objects.filter(request=request).delete()
        lifecycle.transition(request.pk, Status.APPROVED, Status.WAITING, status_why=words[:500], **values)
    else:
        ActionRequest.objects.filter(pk=request.pk).update(**values)
    request.refresh_from_db()
    _remind(request, words, changed, look.unsure)


def _stands_by_policy(request: ActionRequest, look: Look) -> bool:
    """No person's word is in it, and what approved it would do so again now."""
    decision = Decision.objects.filter(request=request).select_related("grant").first()
    if look.unsure or decision is None or decision.by_id is not None:
        return False
    if decision.grant is not None:
        return grants.covers(decision.grant, request)
    return look.verdict == policy.Verdict.RUN


def _remind(request: ActionRequest, words: str, changed: bool, unsure: str) -> None:
    """The count on the request goes up each time; the timeline hears of the 1st, 2nd, 4th, 8th ..."""
    if changed:
        words += "; measured again, it is not what it was: what was shown before can no longer be approved"
    if unsure:
        words += f"; it could not be measured again: {unsure}"
    data = {"reminder": request.renewals, "changed": changed, "unsure": unsure}
    events.chain(request, PORTAL, "action.renewed", data)
    rare = request.renewals & (request.renewals - 1) == 0
    title = f"Still {request.get_status_display().lower()}: {request.deed}"
    events.tell(
        request,
        Asked,
        f"{title} (reminder {request.renewals})",
        actor=PORTAL,
        body=words,
        more={**data, "preview": request.preview},
        quietly=not rare,
    )


def withdraw(request: ActionRequest, actor: str, why: str) -> bool:
    """End a request that has not started, in the caller's transaction. False when it has, or is over."""
    if not lifecycle.transition(
        request.pk,
        (Status.WAITING, Status.APPROVED),
        Status.CANCELLED,
        status_why=why[:500],
        finished_at=Now(),
    ):
        return False
    request.refresh_from_db()
    events.chain(request, actor, "action.cancelled")
    events.tell(request, Asked, f"{request.deed}: {why}"[:500], actor=actor)
    events.fire(events.on_decided, request)
    return True
