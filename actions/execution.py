"""Running a request: one compare-and-set claim committed before the effect, the undo stored before the effect, and
a read-back when the outcome is not known."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from actions import events, fences, gate, lifecycle, losses, policy
from actions.base import ActionFailed, ActionRefused, Busy, Result
from actions.lease import LEASE, Lease
from actions.models import ActionRequest, Status
from incidents.facts import Acted, Asked, RolledBack
from systems.declared.calls import CallFailed
from systems.redact import Redactor
from systems.runtimes.base import StaleFence
from systems.state import acts

log = logging.getLogger(__name__)
CERTAIN = (ActionFailed, ActionRefused, StaleFence)  # errors that say the effect did not take place
FOR_PEOPLE = (*CERTAIN, CallFailed)


def words(error: BaseException) -> str:
    """An error in one line for people."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:300] if isinstance(error, FOR_PEOPLE) else f"{type(error).__name__}: {text}"[:300]


def execute(request_id: uuid.UUID | str) -> ActionRequest:
    """Run an approved request, at most once. Returns it as it then stands: succeeded, failed, unknown; or unchanged
    when it was not approved, someone else was faster, or its target is busy (`status_why` says so)."""
    claimed = _claim(request_id)
    if claimed is not None:
        request, bound = claimed
        with Lease(request.pk):
            _run(request, bound)
    return ActionRequest.objects.select_related("system").get(pk=request_id)


def _claim(request_id: uuid.UUID | str) -> tuple[ActionRequest, gate.Bound] | None:
    try:
        with transaction.atomic(durable=True):
            return _claim_row(request_id)
    except (Busy, IntegrityError) as error:
        why = str(error) if isinstance(error, Busy) else "another action on this target is not over yet"
        ActionRequest.objects.filter(pk=request_id, status=Status.APPROVED).update(
            status_why=f"waits: {why}"[:500]
        )
        return None


def _claim_row(request_id: uuid.UUID | str) -> tuple[ActionRequest, gate.Bound] | None:
    request = (
        ActionRequest.objects.select_for_update(of=("self",)).select_related("system").get(pk=request_id)
    )
    if request.status != Status.APPROVED:
        return None
    if not ActionRequest.objects.filter(pk=request.pk, expires_at__gt=Now()).exists():
        return None  # the approval has lapsed: actions/renewal.py asks again
    if (hold := policy.held(request.system, request.requested_by)) is not None:
        _hold(request, hold)
        return None
    try:
        bound = gate.bind_anew(request)
        problem = gate.still_allowed(request, bound, request.system)
    except Exception as error:  # whatever keeps us from checking keeps the action from running
        problem = words(error)
    # Stopped since: whatever else is the matter with it is found when it is measured again.
    if (hold := policy.held(request.system, request.requested_by, claiming=True)) is not None:
        _hold(request, hold)
        return None
    if problem:
        lifecycle.transition(
            request.pk,
            Status.APPROVED,
            Status.CANCELLED,
            status_why=f"not run: {problem}"[:500],
            finished_at=Now(),
        )
        _tell(request, "action.not_run", problem)
        return None
    token = fences.hold(request, bound.touches)
    moved = lifecycle.transition(
        request.pk, Status.APPROVED, Status.RUNNING, fence=token, claimed_at=Now(), lease_until=Now() + LEASE
    )
    if not moved:
        return None
    _arm(bound, request, token)
    _tell(request, "action.started", "", {"fence": token, "touches": bound.touches})
    _note_began(request, bound.touches)
    return request, bound


def _hold(request: ActionRequest, why: str) -> None:
    """It stays approved and is measured afresh once the hold is lifted. Told once, however often it is tried."""
    words = f"waits: {why}"[:500]
    mine = ActionRequest.objects.filter(pk=request.pk, status=Status.APPROVED).exclude(status_why=words)
    if mine.update(status_why=words):
        request.refresh_from_db(fields=["status_why"])
        events.tell(request, Asked, f"{request.deed} {words}"[:500], actor="opsportal")


def _note_began(request: ActionRequest, touches: Sequence[str]) -> None:
    """An act of the ledger, in the claim's transaction: what changes there meanwhile is known as ours."""
    assert request.claimed_at is not None
    acts.began(
        request.system_id,
        str(request.pk),
        request.target,
        touches,
        request.deed,
        request.claimed_at,
        request.slug,
    )


def _arm(bound: gate.Bound, request: ActionRequest, token: int) -> None:
    bound.ctx.fence = token
    bound.ctx.undo = request.undo
    bound.ctx.guard = fences.guard(request, token)


def _run(request: ActionRequest, bound: gate.Bound) -> None:
    try:
        undo = bound.prepare()
        if bound.redactor.json(undo) != undo:
            raise ActionFailed("the undo record would hold a secret")
    except Exception as error:  # nothing has been touched yet, whatever this was
        log.info("request %s not started", request.pk, exc_info=True)
        _finish(
            request,
            Status.RUNNING,
            Status.FAILED,
            Result(False, f"not started: {words(error)}"),
            bound.redactor,
        )
        return
    if not ActionRequest.objects.filter(pk=request.pk, status=Status.RUNNING, fence=bound.ctx.fence).update(
        undo=undo
    ):
        return
    bound.ctx.undo = undo
    try:
        bound.ctx.guard()
        ends = bound.restarted
        before = losses.of_restart(bound.ctx, ends)
        result = bound.execute()
        result = replace(result, lost=losses.after_restart(bound.ctx, ends, before) | result.lost)
    except CERTAIN as error:
        result = Result(False, words(error))
    except Busy as error:
        log.warning("request %s: %s", request.pk, error)
        return
    except Exception as error:  # it may or may not have happened: only the target knows
        log.exception("request %s: outcome unknown", request.pk)
        _finish(request, Status.RUNNING, Status.UNKNOWN, Result(False, words(error)), bound.redactor)
        _read_back(request.pk)
        return
    _finish(request, Status.RUNNING, Status.SUCCEEDED if result.ok else Status.FAILED, result, bound.redactor)


def _finish(request: ActionRequest, old: Status, new: Status, result: Result, redactor: Redactor) -> bool:
    """End (or park as unknown) in one transaction with its audit row; False when it was not ours any more."""
    shown: dict[str, Any] = redactor.json(result.as_json())
    message = str(shown["message"])
    with transaction.atomic():
        fields: dict[str, Any] = {} if new == Status.UNKNOWN else {"finished_at": Now()}
        moved = lifecycle.transition(
            request.pk, old, new, result=shown, status_why=message[:500], lease_until=None, **fields
        )
        if not moved:
            return False
        request.result = shown
        if request.undo_of_id is not None:  # requests are locked before the audit log
            ActionRequest.objects.select_for_update(of=("self",)).get(undos=request)
        if new != Status.UNKNOWN:
            fences.release(request)
        undone = request.undo_of_id is not None and new == Status.SUCCEEDED  # told by what it took back
        _tell(request, f"action.{new}", message, {"result": shown}, quietly=undone)
        acts.ended(request.system_id, str(request.pk), timezone.now(), str(new))
        if request.undo_of_id is not None and new != Status.UNKNOWN:
            _tell_original(request, message)
    return True


def _tell(
    request: ActionRequest, verb: str, why: str, data: dict[str, Any] | None = None, *, quietly: bool = False
) -> None:
    """Audit row, timeline event and hooks of a change, in the caller's transaction."""
    request.refresh_from_db(fields=["status", "status_why", "result", "finished_at", "claimed_at", "fence"])
    events.chain(request, "opsportal", verb, {"why": why, **(data or {})})
    of = RolledBack if request.status == Status.ROLLED_BACK else Acted
    title = f"{request.deed}: {request.get_status_display().lower()}"
    events.tell(request, of, title, actor=request.requested_by, body=why, quietly=quietly)
    if request.status in lifecycle.FINAL:
        events.fire(events.on_finished, request)


def _tell_original(undo: ActionRequest, message: str) -> None:
    """What came of an undo, on the request that it takes back; in the transaction that ends the undo."""
    original = ActionRequest.objects.select_related("system").get(undos=undo)
    data = {"undo": str(undo.pk), "by": undo.requested_by}
    if undo.status != Status.SUCCEEDED:
        why = f"not put back: {message}"
        ActionRequest.objects.filter(pk=original.pk).update(status_why=why[:500])
        original.refresh_from_db(fields=["status_why"])
        events.chain(original, "opsportal", "action.not_rolled_back", {"why": why, **data})
        return
    why = f"put back as {undo.requested_by} asked: {message}"
    if lifecycle.transition(
        original.pk,
        (Status.SUCCEEDED, Status.FAILED),
        Status.ROLLED_BACK,
        status_why=why[:500],
        finished_at=Now(),
    ):
        _tell(original, "action.rolled_back", why, data)


def not_to_be_rolled_back(request_id: uuid.UUID | str) -> str | None:
    """Why nobody but a person who says so puts the state before this action back: it was bad, or it is gone. None
    when it may be put back."""
    request = ActionRequest.objects.select_related("system").get(pk=request_id)
    if request.undo is None:
        return "it changed nothing"
    try:
        bound = gate.bind_again(request)
        return bound.action.may_roll_back(bound.ctx, request.undo)
    except Exception as error:  # what cannot be found out is not put back
        return f"whether the state before was good cannot be found out: {words(error)}"


def resolve_unknown() -> int:
    """Find what lost its executor, and settle every unknown outcome that the target can tell. Returns how many."""
    dead = ActionRequest.objects.filter(status=Status.RUNNING, lease_until__lt=Now())
    for request in dead.select_related("system"):
        result = Result(False, "the process that ran it ended before it could say how it went")
        _finish_dead(request, result)
    unknown = ActionRequest.objects.filter(status=Status.UNKNOWN).values_list("pk", flat=True)
    return sum(_read_back(pk) for pk in list(unknown))


def _finish_dead(request: ActionRequest, result: Result) -> None:
    with transaction.atomic():
        locked = ActionRequest.objects.select_for_update(of=("self",), skip_locked=True).select_related(
            "system"
        )
        row = locked.filter(pk=request.pk, lease_until__lt=Now()).first()
        if row is not None and row.status == Status.RUNNING:
            _finish(row, Status(row.status), Status.UNKNOWN, result, Redactor())


def _read_back(request_id: uuid.UUID) -> bool:
    """Settle one unknown outcome by looking at the target. False while the target cannot tell."""
    request = ActionRequest.objects.select_related("system").get(pk=request_id)
    if request.status != Status.UNKNOWN:
        return False
    if request.undo is None:
        return _finish(request, Status.UNKNOWN, Status.FAILED, Result(False, "not started"), Redactor())
    try:
        bound = gate.bind_again(request)
        bound.ctx.undo, bound.ctx.fence = request.undo, request.fence
        seen = bound.read_back()
    except Exception as error:  # cannot look now: stays unknown, tried again by the sweeper
        log.info("read-back of %s: %s", request_id, words(error))
        return False
    if seen == "unknown":
        return False
    if seen == "applied":
        new, message = Status.SUCCEEDED, "read back from the target: it is applied"
    else:
        new = Status.FAILED
        message = "read back from the target: it is not applied"
    return _finish(request, Status.UNKNOWN, new, Result(new == Status.SUCCEEDED, message), bound.redactor)


def resolve_by_person(request_id: uuid.UUID | str, user: Any, applied: bool, reason: str) -> bool:
    """A person who looked says how an unknown outcome ended. False when it is settled already."""
    request = ActionRequest.objects.select_related("system").get(pk=request_id)
    if problem := gate.may_settle(user):
        raise ActionRefused(problem)
    new = Status.SUCCEEDED if applied else Status.FAILED
    message = f"{user.get_username()} looked: {'applied' if applied else 'not applied'}. {reason}".strip()
    return _finish(request, Status.UNKNOWN, new, Result(applied, message), Redactor())
