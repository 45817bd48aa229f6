"""What an action would do, where it applies and what stands in its way. Changes nothing."""

from __future__ import annotations

from typing import Any

from actions import gate, outcomes, registry, risk
from actions.base import ActionRefused, AnyAction, unitless
from actions.execution import words
from actions.outcomes import Earlier
from actions.registry import UnknownAction
from incidents.models import Incident
from systems.models import System
from systems.services import LoadedSystem


def resolve_targets(system: str, slug: str, wanted: str, params: dict[str, Any]) -> list[str]:
    """Targets of an action for a named component; [] when the action is unknown or does not apply there."""
    loaded = gate.load(system)
    try:
        named = registry.resolve(slug, loaded)
    except UnknownAction:
        return []
    return registry.expand(named.action, loaded, named.target or wanted, params)


def why_not(system: str, slug: str, wanted: str) -> str:
    """Why an action does not apply to a component that has no unit, where it needs one; "" otherwise."""
    loaded = gate.load(system)
    try:
        action = registry.resolve(slug, loaded).action
    except UnknownAction:
        return ""
    bare = wanted in loaded.services and loaded.service(wanted).unit is None
    return f"it needs a unit: {unitless(loaded, wanted)}" if action.needs_unit and bare else ""


def effects_of(system: str, slug: str, target: str, params: dict[str, Any]) -> frozenset[str]:
    """What it would bring about, in the words of `Action.effects`; empty when it does not apply."""
    try:
        bound = bind_named(gate.load(system), slug, target, params)
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


def title_of(slug: str, system: str = "") -> str:
    """What it is called; empty when nothing of that name is known. `system`: whose manifest may declare it."""
    try:
        by = None if slug in registry.ACTIONS or not system else gate.load(system)
        return registry.get(slug, by).title
    except ActionRefused:  # which an unknown action is, too
        return ""


def tidying(signal: str) -> str | None:
    """The action that puts right what this signal tells was left lying; None when there is none."""
    return registry.TIDIES.get(signal)


def putting_back(signal: str) -> str | None:
    """The action that puts back what this signal tells is not as it was; None when there is none."""
    return registry.PUTS_BACK.get(signal)


def bind_named(loaded: LoadedSystem, slug: str, target: str, params: dict[str, Any]) -> gate.Bound:
    named = registry.resolve(slug, loaded)
    chosen = target or named.target or named.action.default_target(loaded, params) or ""
    if not chosen:
        found = ", ".join(named.action.targets(loaded)) or "nothing in this system"
        if named.action.needs_unit and not any(s.unit for s in loaded.services.values()):
            raise ActionRefused(f"{named.action.slug} needs a unit: {unitless(loaded, loaded.slug)}")
        raise ActionRefused(f"{named.action.slug} needs a target: {found}")
    try:
        return gate.bind(loaded, named.action.slug, chosen, params)
    except ActionRefused:
        raise
    except Exception as error:
        raise ActionRefused(f"{named.action.slug}: {words(error)}") from error


def look(bound: gate.Bound) -> dict[str, Any]:
    """The preview, after the action's own check. ActionRefused when it cannot run now, or that cannot be found out."""
    try:
        bound.check()
        return bound.preview()
    except ActionRefused:
        raise
    except Exception as error:
        raise ActionRefused(f"cannot be checked now: {words(error)}") from error


def must_have_held(preview: dict[str, Any]) -> None:
    """ActionRefused for what failed on a copy."""
    trial = preview.get("trial") or {}
    if trial.get("outcome") == "failed":
        raise ActionRefused(
            f"it failed when it was tried on {trial['on']}: {'; '.join(trial['found'])}"[:300]
        )


def preview(
    system: str, slug: str, target: str, params: dict[str, Any], *, agent_for: int | None = None
) -> dict[str, Any]:
    """A dry run: command, changes, blast_radius, undo, if_rejected, risk, risk_why. Changes nothing. `agent_for`: the
    agent would ask it for this incident: ActionRefused also where only a person may, and where it failed on a copy."""
    loaded = gate.load(system)
    bound = bind_named(loaded, slug, target, params)
    bound.ctx.incident_id = agent_for
    rated, why = bound.rated()
    if agent_for is not None and (theirs := bound.only_for_people()):
        raise ActionRefused(theirs)
    shown = look(bound)
    if agent_for is not None:
        must_have_held(shown)
    return shown | {"target": bound.ctx.target, "risk": rated.value, "risk_why": why}


def already(system: str, slug: str, target: str, params: dict[str, Any], incident_id: int) -> Earlier | None:
    """What stands in the way of the agent's asking for this now: the same effect on the same thing (whatever the action
    is called) is waiting, or was just rejected, failed or done, for this incident or another, and nothing new was seen
    since. None when nothing does, or when the action does not apply. For planning: what it names, `propose` refuses."""
    try:
        bound = bind_named(gate.load(system), slug, target, params)
    except ActionRefused:
        return None
    row, incident = System.objects.get(slug=system), Incident.objects.get(pk=incident_id)
    return outcomes.find(row, bound.effects, bound.touches, incident)
