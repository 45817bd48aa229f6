"""The sources of a system: which there are follows from its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from systems.services import LoadedSystem
from systems.state.facts import Read, Source
from systems.state.sources.clock import Clocks
from systems.state.sources.files import Files
from systems.state.sources.groups import Groups
from systems.state.sources.http import Http
from systems.state.sources.names import Names
from systems.state.sources.postgres import Postgres
from systems.state.sources.redis import Redis
from systems.state.sources.tls import Tls
from systems.state.sources.units import Units
from systems.state.sources.uses import Uses


@dataclass(frozen=True, slots=True)
class Sources:
    """All of a system's; `uses` is fed with the readings of each tick."""

    every: Sequence[Source]
    uses: Uses


def build(system: LoadedSystem) -> Sources:
    services = system.services.values()
    units = Units(system)
    uses = Uses(lambda: units.fd_limits)
    names, tls = Names(system), Tls(system)
    every: list[Source] = [Files(system), units, uses, *_servers(system)]
    every += [source for source in (names, tls) if source.wanted]
    if any(service.http or service.postgres for service in services):
        every.append(Clocks(system))
    compared = list(every)

    def latest() -> Sequence[Read]:
        return [source.last for source in compared]

    groups = Groups(system, latest)
    return Sources([*every, groups] if groups.groups else every, uses)


def _servers(system: LoadedSystem) -> list[Source]:
    services = system.services.values()
    found: list[Source] = [Postgres(system, service) for service in services if service.postgres]
    found += [Redis(system, service) for service in services if service.redis]
    return found + [Http(system, service) for service in services if service.state and service.state.http]


def settable(system: LoadedSystem, name: str) -> Source | None:
    """The source of that name, where what it reads may be something that can be set; built anew."""
    every: list[Source] = [Files(system), Units(system), *_servers(system)]
    return next((source for source in every if source.name == name), None)
