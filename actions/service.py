"""The gate every action passes: asked for, decided, run once, read back. All effects of the portal start here."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from actions import events, gate, grants, outcomes, policy, registry, risk
from actions.base import ActionRefused, AnyAction, Busy
from actions.decisions import NotAllowed, ask_undo, cancel, decide, run_undo
from actions.execution import (
    execute,
    not_to_be_rolled_back,
    resolve_by_person,
    resolve_unknown,
    rollback,
    words,
)
from actions.models import ActionRequest, Decision, Status
from actions.outcomes import Earlier
from actions.registry import UnknownAction
from actions.renewal import renew_due
from actions.wake import wake
from incidents.models import Incident
from systems.models import System
from systems.services import LoadedSystem

__all__ = [
    "ActionRefused",
    "Busy",
    "Earlier",
    "NotAllowed",
    "UnknownAction",
    "already",
    "ask_undo",
    "cancel",
    "decide",
    "effects_of",
    "execute",
    "not_to_be_rolled_back",
    "preview",
    "propose",
    "renew_due",
    "resolve_by_person",
    "resolve_targets",
    "resolve_unknown",
    "risk_of",
    "rollback",
    "run_undo",
    "sweep",
    "wake",
]


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


def already(system: str, slug: str, target: str, params: dict[str, Any], incident_id: int) -> Earlier | None:
    """What stands in the way of the agent's asking for this now: the same effect on the same thing (whatever the action
    is called) is waiting, or was just rejected, failed or done, for this incident or another, and nothing new was seen
    since. None when nothing does, or when the action does not apply. For planning: what it names, `propose` refuses."""
    try:
        bound = _bind(gate.load(system), slug, target, params)
    except ActionRefused:
        return None
    row, incident = System.objects.get(slug=system), Incident.objects.get(pk=incident_id)
    return outcomes.find(row, bound.effects, bound.touches, incident)


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
        effects=bound.effects,
    )
    if (same := _same(request)) is not None:
        return same
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
    with transaction.atomic():
        if (known := _known(request, bound)) is not None:
            ruling = policy.Ruling(policy.Verdict.REFUSE, known.words)
        _store(request, ruling)
    return request


def _same(request: ActionRequest) -> ActionRequest | None:
    """What the agent already asked for, for this run or incident, and nobody has acted on: a resumed step asks once."""
    if request.run_id is None:
        return None
    mine = Q(run_id=request.run_id)
    if request.incident_id is not None:
        mine |= Q(incident_id=request.incident_id, requested_by=request.requested_by)
    found = ActionRequest.objects.filter(
        mine,
        system=request.system,
        status__in=(Status.WAITING, Status.APPROVED),
        slug=request.slug,
        target=request.target,
        params=request.params,
    ).first()
    if found is not None and found.run_id != request.run_id:  # its run is over: this one goes on with it
        ActionRequest.objects.filter(pk=found.pk).update(run_id=request.run_id)
        found.run_id = request.run_id
    return found


def _known(request: ActionRequest, bound: gate.Bound) -> Earlier | None:
    """What keeps the agent from asking this again, in the transaction that stores it. A person may always ask."""
    if request.requested_by != policy.AGENT or request.incident_id is None:
        return None
    # Two incidents of one trouble ask at the same moment: one after the other.
    System.objects.select_for_update(no_key=True).get(pk=request.system_id)
    incident = Incident.objects.get(pk=request.incident_id)
    return outcomes.find(request.system, request.effects, bound.touches, incident)


def _store(request: ActionRequest, ruling: policy.Ruling) -> None:
    grant = grants.use(request) if ruling.verdict == policy.Verdict.ASK else None
    by_policy = ruling.why
    if grant is not None:
        by_policy = f"approved in advance for {grant.name}, by {grant.created_by}"
    runs = ruling.verdict == policy.Verdict.RUN or grant is not None
    refused = ruling.verdict == policy.Verdict.REFUSE
    request.status = Status.APPROVED if runs else Status.REFUSED if refused else Status.WAITING
    request.status_why = (by_policy if runs else ruling.why)[:500]
    request.save(force_insert=True)
    if not refused:
        ActionRequest.objects.filter(pk=request.pk).update(
            expires_at=Now() + policy.approval_time(request.system, request.slug)
        )
        request.refresh_from_db(fields=["expires_at"])
    if runs:
        Decision.objects.create(
            request=request, approved=True, by_policy=by_policy[:120], grant=grant, digest=request.digest
        )
    known: dict[str, Any] = {"grant": grant.pk} if grant is not None else {}
    known["reason"] = request.reason[:500]
    events.chain(request, request.requested_by, f"action.{request.status}", known)
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


def sweep() -> dict[str, int]:
    """What the gate needs done regularly, safe to call from many processes: asking again, recovery, forgotten wake-ups,
    the audit anchor. Lost messages therefore cost time and nothing else."""
    from actions.audit_verify import export_anchor

    renewed, resolved = renew_due(), resolve_unknown()
    ready = ActionRequest.objects.filter(status=Status.APPROVED, run_id=None, expires_at__gt=Now())
    forgotten = list(ready.filter(requested_at__lt=Now() - timedelta(seconds=5)).values_list("pk", flat=True))
    for pk in forgotten:
        execute(pk)
    export_anchor()
    return {"renewed": renewed, "resolved": resolved, "run": len(forgotten)}
