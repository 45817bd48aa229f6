"""Every action, by name: those of the catalogue, one file each, and those that a system's manifest declares."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from actions.base import ActionRefused, AnyAction
from actions.catalogue import ALL
from actions.declared.action import Declared
from systems.manifest import Manifest
from systems.services import LoadedSystem

ACTIONS: dict[str, AnyAction] = {action.slug: action for action in ALL}
TIDIES: dict[str, str] = {signal: action.slug for action in ALL for signal in action.tidies}
PUTS_BACK: dict[str, str] = {signal: action.slug for action in ALL for signal in action.puts_back_signals}
ALIASES: dict[str, str] = {alias: action.slug for action in ALL for alias in action.aliases}
_declared: WeakKeyDictionary[LoadedSystem, dict[str, AnyAction]] = WeakKeyDictionary()


class UnknownAction(ActionRefused, LookupError):
    """No action of that name. `near`: the names that look like it."""

    def __init__(self, name: str, known: Collection[str] = ACTIONS) -> None:
        self.near = difflib.get_close_matches(normal(name), sorted({*known, *ALIASES}), n=5, cutoff=0.5)
        hint = (
            f"did you mean {', '.join(self.near)}?" if self.near else f"there are: {', '.join(sorted(known))}"
        )
        super().__init__(f"there is no action {name[:80]!r}; {hint}")


@dataclass(frozen=True, slots=True)
class Named:
    """What a typed name means: an action, and the target when the name says one (`restart-api`)."""

    action: AnyAction
    target: str | None = None


def normal(name: str) -> str:
    """`Restart_API` -> `restart-api`."""
    return re.sub(r"[_\s]+", "-", name.strip().lower())


def of(system: LoadedSystem) -> dict[str, AnyAction]:
    """Every action there is for this system. A declaration never stands in for what the portal knows itself."""
    known = _declared.get(system)
    if known is None:
        known = _declared[system] = dict(_made(system.manifest))
    return known | ACTIONS


def _made(manifest: Manifest) -> Iterator[tuple[str, AnyAction]]:
    names = dict.fromkeys(spec.name for service in manifest.services.values() for spec in service.actions)
    for name in names:
        found = {n: spec for n, s in manifest.services.items() for spec in s.actions if spec.name == name}
        yield name, Declared(found)


def taken(manifest: Manifest) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Names of declared actions by which something else is called already, where they stand and what to mend."""
    targets = [*manifest.services, *(s.group for s in manifest.services.values() if s.group)]
    for service, found in manifest.services.items():
        for number, spec in enumerate(found.actions):
            at = ("services", service, "actions", number, "name")
            verbs = {spec.name.removesuffix(f"-{normal(target)}") for target in targets}
            if spec.name in ACTIONS or spec.name in ALIASES:
                yield at, f"{spec.name!r} is an action of the portal itself: call it otherwise"
            elif any(v in ACTIONS or v in ALIASES or v == "restart" for v in verbs - {spec.name}):
                yield at, f"{spec.name!r} is how an action of the portal is called on that: call it otherwise"


def get(slug: str, system: LoadedSystem | None = None) -> AnyAction:
    """The action of this slug or alias, dashes or underscores; of a system also those that it declares. UnknownAction
    lists near names."""
    name = normal(slug)
    known = of(system) if system is not None else ACTIONS
    action = known.get(name) or known.get(ALIASES.get(name, ""))
    if action is None:
        raise UnknownAction(slug, known)
    return action


def resolve(name: str, system: LoadedSystem) -> Named:
    """As `get`, and names that end in a service, group or kind of the system: `restart-<service>`."""
    slug, there = normal(name), {*of(system), *ALIASES}
    if slug in there:
        return Named(get(slug, system))
    known = [*system.services, *system.graph.groups]
    for target in sorted(known, key=len, reverse=True):
        verb = slug.removesuffix(f"-{normal(target)}")
        if verb == slug:
            continue
        if verb == "restart" and target in system.graph.groups:
            verb = "rolling-restart"
        elif verb == "restart":
            verb = "restart-service"
        if verb in there:
            return Named(get(verb, system), target)
    raise UnknownAction(name, of(system))


def expand(action: AnyAction, system: LoadedSystem, wanted: str, params: dict[str, Any]) -> list[str]:
    """The targets meant by `wanted` (a service, a group, or empty for the action's own choice); [] when it does not
    apply there. For an action whose subject is elsewhere (a job behind a database's trouble) its own choice counts."""
    found = action.targets(system)
    if wanted in found:
        return [wanted]
    if wanted in system.graph.groups:
        members = [m for m in system.graph.groups[wanted] if m in found]
        if members:
            return members
    if wanted in system.services and action.groups and (group := system.services[wanted].group) in found:
        return [str(group)]
    own = action.default_target(system, params)
    return [own] if own is not None and (not wanted or action.finds_own_target) else []
