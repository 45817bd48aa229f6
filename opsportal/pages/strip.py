"""The one line on top of the dashboard: whether anything is wrong with this system, and whether it needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from actions.models import ActionRequest, Status
from chaos.models import Injection
from chaos.registry import FAULTS
from incidents.models import Incident, State
from systems.models import System


class Part(Protocol):
    """A service as the dashboard has it."""

    @property
    def name(self) -> str: ...
    @property
    def health(self) -> str: ...


def of(
    system: System, incidents: Sequence[Incident], services: Collection[Part], *, stale: bool
) -> dict[str, Any]:
    """`incidents`: the open ones of every system; the sentence is about this one, and says what waits elsewhere."""
    waits = Counter(
        ActionRequest.objects.filter(status=Status.WAITING).values_list("system__title", flat=True)
    )
    here, mine = waits.pop(system.title, 0), [i for i in incidents if i.system_id == system.pk]
    if here:
        tone, icon, text = "warn", "hand", f"{_counted(here, 'action')} waiting for your approval"
    elif mine:
        tone, icon, text = "bad", "warn", _open(mine)
    elif stale:
        tone, icon, text = "idle", "idle", "The watcher is silent: what you see is not current"
    else:
        tone, icon, text = _as_seen(services)
    others = Counter(i.system.title for i in incidents if i.system_id != system.pk)
    return {
        "tone": tone,
        "icon": icon,
        "text": text,
        "elsewhere": [
            *(f"{_counted(n, 'action')} of {title} waiting for your approval" for title, n in waits.items()),
            *(f"{_counted(n, 'incident')} of {title} open" for title, n in others.items()),
        ],
        "waiting": here + waits.total(),
        "faults": _faults(system),
    }


def _open(incidents: Sequence[Incident]) -> str:
    text = f"{_counted(len(incidents), 'incident')} open"
    theirs = sum(1 for i in incidents if not is_with_agent(i) and i.owner is None)
    if theirs:
        return f"{text}, {theirs} waiting for a person"
    return f"{text}, the agent is on it" if any(is_with_agent(i) for i in incidents) else text


def _as_seen(services: Collection[Part]) -> tuple[str, str, str]:
    sick = [s.name for s in services if s.health in ("down", "degraded")]
    unseen = [s.name for s in services if s.health == "unknown"]
    if sick:
        return "warn", "warn", f"{', '.join(sick[:3])} not well, no incident yet"
    if unseen or not services:
        return "idle", "idle", _not_seen(unseen, len(services))
    return "ok", "ok", "All is well"


def _faults(system: System) -> list[Injection]:
    """What was put into this system on purpose and is in it."""
    found = list(Injection.objects.filter(system=system, status=Injection.Status.RUNNING))
    for injection in found:
        fault = FAULTS.get(injection.fault)
        injection.title = fault.title if fault else injection.fault  # type: ignore[attr-defined]
    return found


def is_with_agent(incident: Incident) -> bool:
    """Whether the agent goes on with it by itself."""
    asks = incident.state in (State.WAITING, State.HANDED_OVER)
    return not asks and not incident.agent_stopped and incident.system.agent_on


def _not_seen(unseen: list[str], total: int) -> str:
    if not total:
        return "Not known: no service of it has been seen"
    if len(unseen) == total:
        return f"Not known: none of the {total} services is seen"
    names = ", ".join(unseen[:3]) + (f" and {len(unseen) - 3} more" if len(unseen) > 3 else "")
    return f"Not known how {names} {'does' if len(unseen) == 1 else 'do'}: not seen"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
