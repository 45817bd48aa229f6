"""What stands between a request and its effect: exact parameters, the digest, and whether the approval still holds."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from actions import grants, policy, registry, risk
from actions.base import ActionContext, ActionRefused, AnyAction, Params, sha256, unitless
from actions.bound import Bound, Undoing
from actions.models import ActionRequest, Decision, Risk
from systems import services
from systems.manifest import ManifestError
from systems.models import System
from systems.redact import for_system

SERVICE_ACCOUNTS = "service accounts"  # name of the group whose members may ask but never approve
APPROVE = "actions.approve_action"
TOLD = 40  # values of an inventory that an error lists


def load(slug: str) -> services.LoadedSystem:
    """The system, or ActionRefused in plain words."""
    try:
        return services.load(slug)
    except (services.UnknownSystem, ManifestError) as error:
        raise ActionRefused(str(error)) from error


def parse(action: AnyAction, params: dict[str, Any]) -> Params:
    """Validated parameters; ActionRefused names each wrong one."""
    try:
        return action.Params.model_validate(params)
    except ValidationError as error:
        words = []
        for item in error.errors(include_input=False, include_url=False):
            where = ".".join(str(p) for p in item["loc"]) or "params"
            words.append(f"{where}: {item['msg']}")
        known = ", ".join(action.Params.model_fields) or "none"
        raise ActionRefused(f"{action.slug}: {'; '.join(words)} (parameters: {known})") from None


def check_target(action: AnyAction, system: services.LoadedSystem, target: str) -> str:
    """The target as the action names it. ActionRefused lists what there is."""
    found = action.targets(system)
    if target in found:
        return target
    if (
        target in system.graph.groups
        and len(system.graph.groups[target]) == 1
        and system.graph.groups[target][0] in found
    ):
        return system.graph.groups[target][0]
    if action.needs_unit and target in system.services and system.service(target).unit is None:
        raise ActionRefused(f"{action.slug} needs a unit: {unitless(system, target)}")
    near = difflib.get_close_matches(target, found, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else f"it runs on: {', '.join(found) or 'nothing here'}"
    raise ActionRefused(f"{action.slug} does not run on {target!r}; {hint}")


def bind(system: services.LoadedSystem, slug: str, target: str, params: dict[str, Any]) -> Bound:
    """Find the action, check the target and the parameters against the inventory, and make them exact."""
    action = registry.get(slug, system)
    ctx = ActionContext(system, check_target(action, system, target))
    wanted = action.bind(ctx, parse(action, params))
    _check_choices(action, ctx, wanted)
    return Bound(action, ctx, wanted, for_system(system))


def _check_choices(action: AnyAction, ctx: ActionContext, params: Params) -> None:
    for name, allowed in action.choices(ctx).items():
        value = getattr(params, name)
        if value is not None and str(value) not in allowed:
            more = f" and {len(allowed) - TOLD} more" if len(allowed) > TOLD else ""
            there = f"{', '.join(allowed[:TOLD])}{more}" if allowed else "(there is none now)"
            raise ActionRefused(f"{action.slug}: {name} must be one of: {there}")


def digest(request: ActionRequest) -> str:
    """What an approval covers."""
    return sha256(
        {
            "system": request.system_id,
            "action": request.slug,
            "target": request.target,
            "params": request.params,
            "risk": request.risk,
            "by": request.requested_by,
            "evidence": request.reason,
            "preview": request.preview,
            "runbook": request.runbook,
            "fingerprint": request.fingerprint,
            **({"undo of": str(request.undo_of_id)} if request.undo_of_id else {}),
        }
    )


def may_decide(user: Any, request: ActionRequest) -> str:
    """Empty when this person may decide; else the plain reason why not. Read fresh from the database."""
    if not user.is_active:
        return "this account is not active"
    if not user.has_perm(APPROVE):
        return "this account may not approve actions"
    if user.get_username() == request.requested_by:
        return "nobody decides on their own request"
    if _is_service(user):
        return "a service account cannot stand in for a person"
    return ""


def may_settle(user: Any) -> str:
    """Empty when this person may say how an unknown outcome ended."""
    if not user.is_active or not user.has_perm(APPROVE):
        return "this account may not settle unknown outcomes"
    return "a service account cannot stand in for a person" if _is_service(user) else ""


def _is_service(user: Any) -> bool:
    return bool(user.groups.filter(name=SERVICE_ACCOUNTS).exists())


def bind_again(request: ActionRequest) -> Bound:
    """A stored request, its parameters taken as they are (they were bound when it was made)."""
    system = load(request.system.slug)
    action = registry.get(request.slug, system)
    ctx = ActionContext(system, request.target, incident_id=request.incident_id, request_id=request.pk)
    bound = action, ctx, parse(action, request.params), for_system(system)
    return Bound(*bound) if request.undo_of is None else Undoing(*bound, request.undo_of)


def bind_anew(request: ActionRequest) -> Bound:
    """A stored request, checked against the inventory of now: for the claim, and when it is measured again."""
    if request.undo_of is not None:
        return bind_again(request)
    bound = bind(load(request.system.slug), request.slug, request.target, request.params)
    bound.ctx.incident_id, bound.ctx.request_id = request.incident_id, request.pk
    return bound


def still_allowed(request: ActionRequest, bound: Bound, system: System) -> str:
    """At the claim: empty when the approval holds now; else why it does not."""
    if request.digest != digest(request):
        return "the request was changed after it was made"
    decision = Decision.objects.filter(request=request).select_related("by", "grant").first()
    if decision is None or not decision.approved or decision.digest != request.digest:
        return "there is no approval of exactly this request"
    if bound.fingerprint() != request.fingerprint:
        return "the target is no longer what it was when this was approved"
    if bound.effects != sorted(request.effects):
        return "what it brings about is no longer what was asked for"
    rated, _ = bound.rated()
    if risk.ORDER[rated] > risk.ORDER.get(Risk(request.risk), 0):
        return "its risk is now rated higher"
    ruling = policy.rule(system, request.slug, rated, request.requested_by)
    if ruling.verdict == policy.Verdict.REFUSE:
        return ruling.why
    if request.requested_by == policy.AGENT and (theirs := bound.only_for_people()):
        return theirs
    if decision.by is not None:
        return may_decide(type(decision.by)._default_manager.get(pk=decision.by.pk), request)
    if decision.grant is not None:
        return grants.why_not(decision.grant, request)
    asks = bound.asks() if request.requested_by == policy.AGENT else ""
    return (
        ""
        if ruling.verdict == policy.Verdict.RUN and not asks
        else f"it would now need a person: {asks or ruling.why}"
    )


__all__ = [
    "Bound",
    "Undoing",
    "bind",
    "bind_again",
    "bind_anew",
    "check_target",
    "digest",
    "load",
    "may_decide",
    "parse",
    "still_allowed",
]
