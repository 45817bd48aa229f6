"""Declared actions that say which causes they mend, as paths: what a system's own people do about a known trouble."""

from __future__ import annotations

from agent.reasoner import Hypothesis
from incidents.findings import PlannedStep
from systems.manifest import Manifest


def declared(manifest: Manifest | None, h: Hypothesis) -> list[list[PlannedStep]]:
    """One path for each name: its step on every part of what is blamed that declares it for this cause."""
    if manifest is None or h.kind == "change":
        return []
    found: dict[str, list[PlannedStep]] = {}
    for member in h.members or (h.component,):
        service = manifest.services.get(member)
        for spec in service.actions if service is not None else ():
            if h.cause in spec.mends or set(h.aliases) & set(spec.mends):
                found.setdefault(spec.name, []).append(PlannedStep(action=spec.name, target=member))
    return list(found.values())
