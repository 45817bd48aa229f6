"""The gate every action passes: asked for, decided, run once, read back. All effects of the portal start here."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from actions import events, gate, grants, losses, outcomes, policy, vault
from actions.base import ActionRefused, Busy
from actions.decisions import NotAllowed, cancel, decide
from actions.detours import detours, ending, is_ended, over_when
from actions.dryrun import (
    already,
    bind_named,
    effects_of,
    look,
    must_have_held,
    preview,
    putting_back,
    resolve_targets,
    risk_of,
    tidying,
    title_of,
    why_not,
)
from actions.execution import execute, not_to_be_rolled_back, resolve_by_person, resolve_unknown
from actions.models import ActionRequest, Decision, Status
from actions.outcomes import Earlier
from actions.registry import UnknownAction
from actions.renewal import renew_due
from actions.wake import wake
from incidents.facts import Acted, Asked
from incidents.models import Incident
from systems.models import System

RUN = "actions.run_action"

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
    "detours",
    "effects_of",
    "ending",
    "execute",
    "is_ended",
    "not_to_be_rolled_back",
    "over_when",
    "preview",
    "propose",
    "putting_back",
    "renew_due",
    "resolve_by_person",
    "resolve_targets",
    "resolve_unknown",
    "risk_of",
    "sweep",
    "tidying",
    "title_of",
    "undo",
    "wake",
    "why_not",
]


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
    bound = bind_named(loaded, slug, target, params)
    bound.ctx.incident_id = incident_id
    rated, why = bound.rated()
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
    ruling = _measured(request, bound, ask_why)
    with transaction.atomic():
        if (known := _known(request, bound)) is not None:
            ruling = policy.Ruling(policy.Verdict.REFUSE, known.words)
        _store(request, ruling)
    return request


def undo(
    request_id: uuid.UUID | str, *, requested_by: str, reason: str = "", run_id: int | None = None
) -> ActionRequest:
    """Ask that what a request did is taken back: a request of its own, as `propose` answers it. While one is live, that
    one is the answer. ActionRefused when there is nothing to put back: nothing is stored then."""
    original = ActionRequest.objects.select_related("system").get(pk=request_id)
    if (live := original.live_undo) is not None:
        return live
    request = ActionRequest(
        id=uuid.uuid4(),
        system=original.system,
        incident_id=original.incident_id,
        run_id=run_id,
        undo_of=original,
        slug=original.slug,
        target=original.target,
        params=original.params,
        requested_by=requested_by,
    )
    bound = gate.bind_again(request)
    bound.check()
    rated, why = bound.rated()
    request.risk, request.risk_why, request.effects = rated.value, why[:300], bound.effects
    request.reason = bound.redactor.text(reason or f"{requested_by} wants it as it was before")[:5000]
    ruling = _measured(request, bound)
    with transaction.atomic():
        locked = ActionRequest.objects.select_for_update(of=("self",)).get(pk=original.pk)
        if (live := locked.live_undo) is not None:
            return live
        if locked.status != original.status:
            raise ActionRefused(f"{original.deed} is {locked.get_status_display().lower()} by now")
        _store(request, ruling)
    return request


def ask_undo(request_id: uuid.UUID | str, user: Any) -> ActionRequest:
    """As `undo`, for a person. NotAllowed when they may not ask for actions."""
    person = get_user_model()._default_manager.get(pk=user.pk)
    if not (person.is_active and person.has_perm(RUN)):
        raise NotAllowed("this account may not ask for actions")
    return undo(request_id, requested_by=person.get_username())


def _measured(request: ActionRequest, bound: gate.Bound, ask_why: str = "") -> policy.Ruling:
    """Fill in what it would do now and the digest; the policy's answer to that."""
    try:
        request.preview = look(bound)
        request.fingerprint = bound.fingerprint()
        if request.requested_by == policy.AGENT:
            must_have_held(request.preview)
            ask_why = ask_why or bound.asks() or losses.asks(request.preview["loss"])
        ruling = policy.rule(request.system, request.slug, request.risk, request.requested_by, ask_why)
        if request.requested_by == policy.AGENT and (theirs := bound.only_for_people()):
            ruling = policy.Ruling(policy.Verdict.REFUSE, theirs)
    except ActionRefused as error:
        ruling = policy.Ruling(policy.Verdict.REFUSE, bound.redactor.text(str(error)))
    request.digest = gate.digest(request)
    return ruling


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
        undo_of=None,
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
    title = f"{request.deed}: {request.get_status_display().lower()}"
    events.tell(
        request,
        Acted if refused else Asked,
        title,
        actor=request.requested_by,
        body=request.status_why,
        more={"preview": request.preview, "undo_of": str(request.undo_of_id or "")},
    )
    events.fire(events.on_proposed, request)


def sweep() -> dict[str, int]:
    """What the gate needs done regularly, safe to call from many processes: asking again, recovery, forgotten wake-ups,
    what is too old to be undone, the audit anchor. Lost messages therefore cost time and nothing else."""
    from actions.audit_verify import export_anchor

    renewed, resolved = renew_due(), resolve_unknown()
    ready = ActionRequest.objects.filter(status=Status.APPROVED, run_id=None, expires_at__gt=Now())
    forgotten = list(ready.filter(requested_at__lt=Now() - timedelta(seconds=5)).values_list("pk", flat=True))
    for pk in forgotten:
        execute(pk)
    vault.prune()
    export_anchor()
    return {"renewed": renewed, "resolved": resolved, "run": len(forgotten)}
