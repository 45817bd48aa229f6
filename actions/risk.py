"""Risk: server code from action and target. No parameter, reason or model output can lower it; unknown means high."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel

from actions import losses
from actions.base import ActionContext, AnyAction
from actions.losses import KNOWN_KINDS, Loss
from actions.models import Risk
from systems.services import LoadedSystem, UnknownService

ORDER = {Risk.LOW: 0, Risk.MEDIUM: 1, Risk.HIGH: 2}


def assess(
    action: AnyAction | None,
    system: LoadedSystem,
    target: str,
    params: BaseModel | None = None,
    *,
    ends: Callable[[], Loss] | None = None,
) -> tuple[Risk, str]:
    """The risk and one plain sentence why. `ends`: what ends with a restart, where that has been counted."""
    if action is None:
        return Risk.HIGH, "an action nobody has rated counts as high"
    try:
        kinds = {system.service(name).kind for name in system.members(target)}
    except UnknownService:
        return Risk.HIGH, "a target that is not in the manifest counts as high"
    risk, why = action.risk, f"{action.slug} is rated {action.risk.label.lower()}"
    for kind in sorted(kinds):
        raised = action.risk_by_kind.get(kind)
        if raised is not None and ORDER[raised] > ORDER[risk]:
            risk, why = raised, f"{action.slug} on {kind} is rated {raised.label.lower()}"
    # An action nobody rated for a kind of service nobody knows is not trusted to be harmless there.
    unknown = sorted(kinds - KNOWN_KINDS)
    if unknown and risk == Risk.LOW:
        risk, why = Risk.MEDIUM, f"{unknown[0]} is not a kind of service the ratings know"
    for raised, reason in _raised(action, ActionContext(system, target), params, ends):
        if ORDER[raised] > ORDER[risk]:
            risk, why = raised, reason
    return risk, why


def _raised(
    action: AnyAction, ctx: ActionContext, params: BaseModel | None, ends: Callable[[], Loss] | None
) -> list[tuple[Risk, str]]:
    """By what these parameters mean on this target now, and by what a restart would lose."""
    try:
        found = [action.raised_by(ctx, params)] if params is not None else []
        loss = ends() if ends else losses.of_restart(ctx, losses.restarted(action, ctx, params))
    except Exception as error:  # what cannot be rated is high, whatever kept us from it
        return [(Risk.HIGH, f"its risk cannot be found out ({type(error).__name__}), so it counts as high")]
    if loss.high:
        found.append((Risk.HIGH, loss.high))
    return [item for item in found if item is not None]
