"""A person's answer to a request, and the ways a request ends without one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.functions import Now

from actions import events, gate, lifecycle, policy, renewal
from actions.models import ActionRequest, Decision, Status
from actions.wake import wake
from incidents.facts import Asked


class NotAllowed(Exception):
    """This person, or this request in its present state, cannot be decided. The message is for people."""


def decide(
    request_id: uuid.UUID | str, user: Any, approve: bool, reason: str = "", *, digest: str = ""
) -> ActionRequest:
    """A person's answer over `digest`, the one they were shown. NotAllowed when they may not, it is decided already, or
    it is not what they were shown. Without `digest` only what never changed since it was asked can be approved.

    An approved request of no agent run is run by a worker; one of a run is run by that run."""
    renewal.renew(request_id)  # what is older than it may be is measured again before it is decided
    with transaction.atomic():
        request = (
            ActionRequest.objects.select_for_update(of=("self",)).select_related("system").get(pk=request_id)
        )
        person = get_user_model()._default_manager.get(pk=user.pk)
        problem = gate.may_decide(person, request) or _stale(request, approve, digest)
        if not problem:
            _move(request, person, approve, reason)
    if problem:
        raise NotAllowed(problem)
    return request


def _stale(request: ActionRequest, approve: bool, digest: str) -> str:
    """Empty when the request still is what the person decided on; else what became of it."""
    if request.status == Status.CANCELLED:
        return f"this request is over: {request.status_why}"
    if request.status != Status.WAITING:
        return f"this request is {request.get_status_display().lower()} already"
    if request.digest != gate.digest(request):
        return "this request was changed after it was made"
    other = bool(digest) and digest != request.digest
    if other or (approve and not digest and request.changed_at is not None):
        at = request.changed_at or request.requested_at
        hint = "" if digest else " and send its digest"
        return f"it was measured again at {at:%H:%M:%S} UTC and is not what it was: look at it again{hint}"
    return ""


def _move(request: ActionRequest, person: Any, approve: bool, reason: str) -> None:
    """The compare-and-set of a decision; the row is locked by the caller."""
    new = Status.APPROVED if approve else Status.REJECTED
    name = person.get_username()
    why = f"{'approved' if approve else 'rejected'} by {name}" + (f": {reason}" if reason else "")
    times: dict[str, Any] = {"finished_at": Now()}
    if approve:
        times = {"expires_at": Now() + policy.approval_time(request.system, request.slug)}
    lifecycle.transition(request.pk, Status.WAITING, new, status_why=why[:500], **times)
    Decision.objects.create(
        request=request, approved=approve, by=person, reason=reason, digest=request.digest
    )
    request.refresh_from_db()
    events.chain(request, name, f"action.{new}", {"reason": reason[:500]})
    events.tell(request, Asked, f"{request.deed}: {why}"[:500], actor=name, body=reason)
    events.fire(events.on_decided, request)
    if approve and request.run_id is None:
        wake(request.pk)


def cancel(request_id: uuid.UUID | str, actor: str, why: str = "") -> bool:
    """Withdraw a request that has not started. False when it has, or is over."""
    with transaction.atomic():
        request = ActionRequest.objects.select_related("system").get(pk=request_id)
        return renewal.withdraw(request, actor, why or f"withdrawn by {actor}")
