"""Risk: server code from action and target. No parameter, reason or model output can lower it; unknown means high."""

from __future__ import annotations

from pydantic import BaseModel

from actions.base import AnyAction
from actions.models import Risk
from systems.services import LoadedSystem, UnknownService

ORDER = {Risk.LOW: 0, Risk.MEDIUM: 1, Risk.HIGH: 2}
KNOWN_KINDS = frozenset(
    {"http", "proxy", "worker", "jobs", "postgres", "redis", "link", "external", "frontend", "loadgen"}
)


def assess(
    action: AnyAction | None, system: LoadedSystem, target: str, params: BaseModel | None = None
) -> tuple[Risk, str]:
    """The risk and one plain sentence why."""
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
    raised = action.raised_by(params) if params is not None else None
    if raised is not None and ORDER[raised] > ORDER[risk]:
        risk, why = raised, f"{action.slug} with these parameters is rated {raised.label.lower()}"
    return risk, why
