"""What the phases ask about an incident, in one place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from incidents.evidence import Picture, SignalState
from incidents.health import Name, name_of
from incidents.models import OPEN_STATES, Incident, Symptom
from incidents.signals import CATALOG
from systems import services
from systems.graph import SystemGraph


def active_symptoms(picture: Picture, less: Collection[Name] = ()) -> set[str]:
    """`signal@service#label` of everything that is wrong in it, less what is named."""
    return {key_of(s) for s in picture.troubles if name_of(s) not in less}


def symptom_key(signal: str, service: str, label: str = "") -> str:
    return f"{signal}@{service}#{label}" if label else f"{signal}@{service}"


def key_of(of: SignalState | Symptom) -> str:
    return symptom_key(of.signal, of.service, of.label)


def name_of_key(key: str) -> Name:
    """The (signal, service, label) of such a key."""
    signal, _, rest = key.partition("@")
    service, _, label = rest.partition("#")
    return signal, service, label


def without_label(key: str) -> str:
    return key.partition("#")[0]


def symptoms_in(incident: Incident, picture: Picture) -> list[SignalState]:
    """The incident's opening symptoms that hold in the picture."""
    rows = Symptom.objects.filter(incident=incident, opens=True)
    names = set(rows.values_list("signal", "service", "label"))
    return [s for s in picture.troubles if name_of(s) in names]


def of_others(incident: Incident) -> set[Name]:
    """The symptoms that another open incident of the system has: they are explained there. What tells of a change is
    one's own to weigh as well, as long as no other cause on that very part is known: it came to whichever was open."""
    others = Symptom.objects.filter(
        system=incident.system_id, cleared_at=None, incident__state__in=OPEN_STATES
    ).exclude(incident=incident.pk)
    rows = list(others.values_list("signal", "service", "label", "incident__component"))
    if not rows:
        return set()
    graph = services.load(incident.system.slug).graph
    return {(s, part, label) for s, part, label, where in rows if not _is_shared(s, part, where, graph)}


def _is_shared(signal: str, part: str, where: str, graph: SystemGraph) -> bool:
    return signal in CATALOG and CATALOG[signal].changed and not (where and part in graph.members(where))


def without(states: Iterable[SignalState], names: Collection[Name]) -> list[SignalState]:
    """The states with what is named taken as unknown."""
    return [replace(s, value=None) if s.value and name_of(s) in names else s for s in states]


def is_self_healed(incident: Incident, picture: Picture) -> bool:
    """No symptom of the incident holds any more, though nobody has acted. Without a picture nothing is known."""
    return picture.at is not None and not symptoms_in(incident, picture)


def only_history(incident: Incident, picture: Picture, service: str) -> bool:
    """Whether all that still holds on `service` tells of a run that has ended: the process runs again."""
    held = {s.signal for s in symptoms_in(incident, picture) if s.service == service}
    return not held or is_history(held)


def left_of_history(incident: Incident, picture: Picture) -> int:
    """How many symptoms hold, when all of them tell of a run that has ended, else 0."""
    held = symptoms_in(incident, picture)
    return len(held) if is_history({s.signal for s in held}) else 0


def is_history(held: Collection[str]) -> bool:
    """Whether these signals, those that hold, all tell of a run that has ended."""
    return bool(held) and all(s in CATALOG and CATALOG[s].of_past_run for s in held)


def seconds_seen(incident: Incident, states: Iterable[SignalState]) -> float:
    """From the first symptom to the newest that was read: a watcher that is held up has seen no more, however late it
    is."""
    read = [s.fresh for s in states if s.fresh is not None]
    return (max(read) - incident.started_at).total_seconds() if read else 0.0
