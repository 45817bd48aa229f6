"""How each kind of settled value is put back: one small file beside each source."""

from __future__ import annotations

from systems.services import LoadedSystem
from systems.state.inverses import access, files, http, pgtables, postgres, redis, units
from systems.state.inverses.access import widens
from systems.state.inverses.types import Inverse, NoInverse, Wanted

__all__ = ["Inverse", "NoInverse", "Wanted", "access", "inverse", "is_eased", "loads", "widens"]

OF_A_MOMENT = ("act", "deadline", "crossing", "invariant")
BY_OTHERS = {
    "deadline": "the calendar made it: it is renewed, not put back",
    "crossing": "nobody set it: there is more use, or less room",
    "invariant": "it follows from changes to the members of the group: those can be put back",
    "act": "something was done, and left no value that could be put back",
    "certificate": "the old certificate is not kept: its issuer or a person puts one in place",
    "name": "what a name resolves to is set where the name is served",
    "clock": "a clock is set by its machine's time service",
    "module": "modules are loaded from its configuration, at its start",
    "deploy": "a release is rolled back by who rolled it out, or by roll-back-release",
    "commit": "a commit is reverted where it was made",
    "maintenance": "maintenance is ended by who announced it",
}  # fmt: skip


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    """What would give the value its earlier one. NoInverse, in words, where there is nothing that would."""
    if wanted.source == "files":
        return files.inverse(system, wanted)
    if wanted.source == "units":
        return units.inverse(system, wanted)
    product = wanted.source.partition(" of ")[0]
    if product == "postgres":
        return postgres.inverse(system, wanted)
    if product == "redis":
        return redis.inverse(system, wanted)
    if product == "http":
        return http.inverse(system, wanted)
    raise NoInverse(
        BY_OTHERS.get(wanted.kind, f"nothing is known that puts back {wanted.what} of {wanted.component}")
    )


def is_eased(area: str, what: str, now: str | None, then: str | None) -> bool:
    """Whether a value that is not as it was holds nobody up any more, as far as taking it back may go."""
    return area == "tables" and pgtables.is_eased(what, now, then)


def loads(
    system: LoadedSystem, source: str, component: str, area: str, what: str, *, pending: bool
) -> dict[str, str]:
    """Service -> how it takes up what is put back: by its declared way (reload), or by a restart. From the manifest
    alone. `pending`: the change is written and not in effect."""
    if source == "files":
        return files.loads(system, component, area)
    if source.startswith("postgres of "):
        return {} if pending else postgres.loads(system, component, area, what)
    return units.loads(what, component) if source == "units" else {}
