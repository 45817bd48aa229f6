"""The gate every action passes: asked for, decided, run once, read back. All effects of the portal start here."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from actions import audit, events, gate, lifecycle, policy, registry, risk
from actions.base import ActionRefused, AnyAction, Busy
from actions.execution import (
    execute,
    not_to_be_rolled_back,
    resolve_by_person,
    resolve_unknown,
    rollback,
    words,
)
from actions.models import ActionRequest, Decision, Status
from actions.registry import UnknownAction
from actions.wake import wake
from systems.models import System
from systems.services import LoadedSystem

__all__ = [
    "ActionRefused",
    "Busy",
    "NotAllowed",
    "UnknownAction",
    "cancel",
    "decide",
    "effects_of",
    "execute",
    "expire_due",
    "not_to_be_rolled_back",
    "preview",
    "propose",
    "resolve_by_person",
    "resolve_targets",
    "resolve_unknown",
    "risk_of",
    "rollback",
    "sweep",
    "wake",
]

EXPIRY = timedelta(seconds=int(getattr(settings, "OPSPORTAL_APPROVAL_SECONDS", 300)))


class NotAllowed(Exception):
    """This person, or this request in its present state, cannot be decided. The message is for people."""


def resolve_targets(system: str, slug: str, wanted: str, params: dict[str, Any]) -> list[str]:
    """Targets of an action for a named component; [] when the action is unknown or does not apply there."""
    loaded = gate.load(system)
    try:
        named = registry.resolve(slug, loaded)
    except UnknownAction:
        return []
    return registry.expand(named.action, loaded, named.target or wanted, params)


def effects_of(system: str, slug: str, target: str, params: dict[str, Any]) -> frozenset[str]:
    """What it would bring about, in the words of `Action.effects`; empty when it does not apply."""
    try:
        bound = _bind(gate.load(system), slug, target, params)
    except ActionRefused:
        return frozenset()
    return bound.action.effects(bound.ctx, bound.params)


def risk_of(system: str, slug: str, target: str) -> str:
    """low, medium or high; unknown counts as high."""
    loaded = gate.load(system)
    try:
        action: AnyAction | None = registry.resolve(slug, loaded).action
    except UnknownAction:
        action = None
    return str(risk.assess(action, loaded, target)[0].value)


def _bind(loaded: LoadedSystem, slug: str, target: str, params: dict[str, Any]) -> gate.Bound:
    named = registry.resolve(slug, loaded)
    chosen = target or named.target or named.action.default_target(loaded, params) or ""
    if not chosen:
        found = ", ".join(named.action.targets(loaded)) or "nothing in this system"
        raise ActionRefused(f"{named.action.slug} needs a target: {found}")
    try:
        return gate.bind(loaded, named.action.slug, chosen, params)
    except ActionRefused:
        raise
    except Exception as error:
        raise ActionRefused(f"{named.action.slug}: {words(error)}") from error


def _look(bound: gate.Bound) -> dict[str, Any]:
    """The preview, after the action's own check. ActionRefused when it cannot run now, or that cannot be found out."""
    try:
        bound.action.check(bound.ctx, bound.params)
        return bound.preview()
    except ActionRefused:
        raise
    except Exception as error:
        raise ActionRefused(f"cannot be checked now: {words(error)}") from error


def preview(system: str, slug: str, target: str, params: dict[str, Any]) -> dict[str, Any]:
    """A dry run: command, changes, blast_radius, undo, if_rejected, risk, risk_why. Changes nothing."""
    loaded = gate.load(system)
    bound = _bind(loaded, slug, target, params)
    rated, why = risk.assess(bound.action, loaded, bound.ctx.target, bound.params)
    return _look(bound) | {"target": bound.ctx.target, "risk": rated.value, "risk_why": why}


def propose(
    system: str,
    slug: str,
    target: str,
    params: dict[str, Any],
    *,
    requested_by: str,
    incident_id: int | None = None,
    reason: str = "",
    run_id: int | None = None,
    ask_why: str = "",
    runbook: str = "",
) -> ActionRequest:
    """Ask for an action. The answer's status is `approved` (now call `execute`), `waiting` or `refused`.

    ActionRefused (UnknownAction) when there is no such action, target or parameter: nothing is stored then."""
    loaded = gate.load(system)
    row = System.objects.get(slug=system)
    bound = _bind(loaded, slug, target, params)
    rated, why = risk.assess(bound.action, loaded, bound.ctx.target, bound.params)
    request = ActionRequest(
        id=uuid.uuid4(),
        system=row,
        incident_id=incident_id,
        run_id=run_id,
        slug=bound.action.slug,
        target=bound.ctx.target,
        params=bound.params.model_dump(mode="json"),
        risk=rated.value,
        risk_why=why,
        reason=bound.redactor.text(reason)[:5000],
        runbook=runbook[:120],
        requested_by=requested_by,
    )
    try:
        request.preview = _look(bound)
    except ActionRefused as error:
        ruling = policy.Ruling(policy.Verdict.REFUSE, bound.redactor.text(str(error)))
    else:
        request.fingerprint = bound.fingerprint()
        ruling = policy.rule(row, request.slug, rated, requested_by, ask_why)
        if requested_by == policy.AGENT and (theirs := bound.action.only_for_people(bound.params)):
            ruling = policy.Ruling(policy.Verdict.REFUSE, theirs)
    request.digest = gate.digest(request)
    if run_id is not None and (same := _same(request)) is not None:
        return same
    with transaction.atomic():
        _store(request, ruling)
    return request


def _same(request: ActionRequest) -> ActionRequest | None:
    """What this run already asked for and nobody has acted on: a resumed step asks once."""
    open_ones = Q(status=Status.WAITING) | Q(status=Status.APPROVED)
    return ActionRequest.objects.filter(open_ones, run_id=request.run_id, digest=request.digest).first()


def _store(request: ActionRequest, ruling: policy.Ruling) -> None:
    grant = policy.use_grant(request.system, request.slug) if ruling.verdict == policy.Verdict.ASK else None
    by_policy = ruling.why
    if grant is not None:
        by_policy = f"approved by policy {grant.name}"
    runs = ruling.verdict == policy.Verdict.RUN or grant is not None
    refused = ruling.verdict == policy.Verdict.REFUSE
    request.status = Status.APPROVED if runs else Status.REFUSED if refused else Status.WAITING
    request.status_why = (by_policy if runs else ruling.why)[:500]
    request.save(force_insert=True)
    if not refused:
        ActionRequest.objects.filter(pk=request.pk).update(expires_at=Now() + EXPIRY)
        request.refresh_from_db(fields=["expires_at"])
    if runs:
        Decision.objects.create(
            request=request, approved=True, by_policy=by_policy[:120], grant=grant, digest=request.digest
        )
    _log(request, request.requested_by, f"action.{request.status}", {"reason": request.reason[:500]})
    title = f"{request.slug} on {request.target}: {request.get_status_display().lower()}"
    kind = "action" if refused else "approval"
    events.tell(
        request,
        kind,
        title,
        actor=request.requested_by,
        body=request.status_why,
        data={"preview": request.preview},
    )
    events.fire(events.on_proposed, request)


def _log(request: ActionRequest, actor: str, verb: str, data: dict[str, Any]) -> None:
    audit.append(
        actor,
        verb,
        system=request.system.slug,
        target=request.target,
        incident=request.incident_id,
        request_id=request.pk,
        outcome=request.status,
        data={
            "action": request.slug,
            "params": request.params,
            "risk": request.risk,
            "why": request.status_why,
            "digest": request.digest,
            **data,
        },
    )


def decide(request_id: uuid.UUID | str, user: Any, approve: bool, reason: str = "") -> ActionRequest:
    """A person's answer. NotAllowed when they may not, or it is decided, expired or changed already.

    An approved request of no agent run is run by a worker; one of a run is run by that run."""
    problem = ""
    with transaction.atomic():
        request = (
            ActionRequest.objects.select_for_update(of=("self",)).select_related("system").get(pk=request_id)
        )
        person = get_user_model()._default_manager.get(pk=user.pk)
        problem = gate.may_decide(person, request)
        if not problem and request.status != Status.WAITING:
            problem = f"this request is {request.get_status_display().lower()} already"
        if not problem and request.digest != gate.digest(request):
            problem = "this request was changed after it was made"
        if not problem and not _move(request, person, approve, reason):
            problem = "this request has expired"
    if problem:
        expire_due()
        raise NotAllowed(problem)
    return request


def _move(request: ActionRequest, person: Any, approve: bool, reason: str) -> bool:
    """The compare-and-set of a decision; False when the database's clock says it is too late."""
    new = Status.APPROVED if approve else Status.REJECTED
    name = person.get_username()
    why = f"{'approved' if approve else 'rejected'} by {name}" + (f": {reason}" if reason else "")
    if not ActionRequest.objects.filter(pk=request.pk, expires_at__gt=Now()).exists():
        return False
    if not lifecycle.transition(
        request.pk, Status.WAITING, new, status_why=why[:500], expires_at=Now() + EXPIRY
    ):
        return False
    Decision.objects.create(
        request=request, approved=approve, by=person, reason=reason, digest=request.digest
    )
    request.refresh_from_db()
    _log(request, name, f"action.{new}", {"reason": reason[:500]})
    events.tell(
        request, "approval", f"{request.slug} on {request.target}: {why}"[:500], actor=name, body=reason
    )
    events.fire(events.on_decided, request)
    if approve and request.run_id is None:
        wake(request.pk)
    return True


def cancel(request_id: uuid.UUID | str, actor: str, why: str = "") -> bool:
    """Withdraw a request that has not started. False when it has, or is over."""
    return _close(request_id, Status.CANCELLED, actor, why or f"withdrawn by {actor}")


def _close(request_id: uuid.UUID | str, new: Status, actor: str, why: str) -> bool:
    with transaction.atomic():
        request = ActionRequest.objects.select_related("system").get(pk=request_id)
        if not lifecycle.transition(
            request.pk, (Status.WAITING, Status.APPROVED), new, status_why=why[:500], finished_at=Now()
        ):
            return False
        request.refresh_from_db()
        _log(request, actor, f"action.{new}", {})
        events.tell(request, "approval", f"{request.slug} on {request.target}: {why}", actor=actor)
        events.fire(events.on_decided, request)
    return True


def expire_due() -> int:
    """Close what nobody decided, or nobody ran, in time by the database's clock. Returns how many."""
    due = ActionRequest.objects.filter(
        status__in=(Status.WAITING, Status.APPROVED), expires_at__lte=Now()
    ).values_list("pk", flat=True)
    return sum(_close(pk, Status.EXPIRED, "opsportal", "nobody answered in time") for pk in list(due))


def sweep() -> dict[str, int]:
    """What the gate needs done regularly, safe to call from many processes: expiry, recovery, forgotten wake-ups,
    the audit anchor. Lost messages therefore cost time and nothing else."""
    from actions.audit_verify import export_anchor

    expired, resolved = expire_due(), resolve_unknown()
    ready = ActionRequest.objects.filter(status=Status.APPROVED, run_id=None, expires_at__gt=Now())
    forgotten = list(ready.filter(requested_at__lt=Now() - timedelta(seconds=5)).values_list("pk", flat=True))
    for pk in forgotten:
        execute(pk)
    export_anchor()
    return {"expired": expired, "resolved": resolved, "run": len(forgotten)}
