"""Every action, by name. A new one is one file in the catalogue and one line here."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from actions.base import ActionRefused, AnyAction
from actions.catalogue import ALL
from systems.services import LoadedSystem

ACTIONS: dict[str, AnyAction] = {action.slug: action for action in ALL}
TIDIES: dict[str, str] = {signal: action.slug for action in ALL for signal in action.tidies}
ALIASES: dict[str, str] = {alias: action.slug for action in ALL for alias in action.aliases}


class UnknownAction(ActionRefused, LookupError):
    """No action of that name. `near`: the names that look like it."""

    def __init__(self, name: str) -> None:
        self.near = difflib.get_close_matches(normal(name), sorted({*ACTIONS, *ALIASES}), n=5, cutoff=0.5)
        hint = (
            f"did you mean {', '.join(self.near)}?"
            if self.near
            else f"there are: {', '.join(sorted(ACTIONS))}"
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


def get(slug: str) -> AnyAction:
    """The action of this slug or alias, dashes or underscores. UnknownAction lists near names."""
    name = normal(slug)
    action = ACTIONS.get(name) or ACTIONS.get(ALIASES.get(name, ""))
    if action is None:
        raise UnknownAction(slug)
    return action


def resolve(name: str, system: LoadedSystem) -> Named:
    """As `get`, and names that end in a service, group or kind of the system: `restart-<service>`."""
    slug = normal(name)
    if slug in ACTIONS or slug in ALIASES:
        return Named(get(slug))
    known = [*system.services, *system.graph.groups]
    for target in sorted(known, key=len, reverse=True):
        verb = slug.removesuffix(f"-{normal(target)}")
        if verb == slug:
            continue
        if verb == "restart" and target in system.graph.groups:
            verb = "rolling-restart"
        elif verb == "restart":
            verb = "restart-service"
        if verb in ACTIONS or verb in ALIASES:
            return Named(get(verb), target)
    raise UnknownAction(name)


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
