"""A system under care in plain words: what is watched of each service, what can be controlled, what looks wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator

from systems.logs.globs import matching
from systems.manifest import Service
from systems.manifest.kinds import KINDS
from systems.probes import build_all
from systems.profiled import told, where_from
from systems.runtimes.base import RuntimeError_
from systems.services import LoadedSystem


def describe(system: LoadedSystem) -> list[str]:
    """One line per service, with what its profile brings below it, then the journeys."""
    probes = build_all(system, time.monotonic)
    width = max(map(len, system.services))
    lines = []
    for name, service in system.services.items():
        looks = dict.fromkeys(
            p.name for p in probes if p.applies(service)
        )  # each journey is a probe of its own
        seen = ", ".join(looks) or "nothing: give it http, tcp or logs"
        own = "" if service.kind in KINDS else " (a kind of your own)"
        lines.append(f"{name:<{width}}  {service.kind}{own}: watches {seen}; {_control(system, service)}")
        lines += told(service, system.manifest.runtime.driver)
    names = ", ".join(j.name for j in system.manifest.journeys)
    return [*lines, f"journeys: {names or 'none, so only symptoms tell whether a repair worked'}"]


def _control(system: LoadedSystem, service: Service) -> str:
    declared = [spec.name for spec in service.actions]
    if service.unit is None:
        only = f", but for {', '.join(declared)}" if declared else ""
        why = "runtime: none" if is_watched_only(system) else "unit: null"
        return f"not ours to control ({why}){only}"
    can = ["restart"]
    can += ["restore its config"] if service.config else []
    can += ["regenerate its environment"] if service.env and service.env.golden else []
    can += ["roll back its release"] if service.release else []
    return f"can {', '.join([*can, *declared])}"


def is_watched_only(system: LoadedSystem) -> bool:
    """Whether nothing of it has a unit because nothing is driven there."""
    return system.manifest.runtime.driver == "none"


def doubts(system: LoadedSystem) -> list[str]:
    """What will not work as the manifest stands, in words that say what to mend."""
    return [*_units(system), *_files(system)]


def _units(system: LoadedSystem) -> Iterator[str]:
    try:
        known = {state.unit for state in system.runtime.list()}
    except RuntimeError_ as error:
        yield f"the runtime does not answer, so units cannot be seen or restarted now: {error}"
        return
    for name, service in system.services.items():
        if service.unit is not None and service.unit not in known:
            there = ", ".join(sorted(known)) or "none"
            yield (
                f"{name}: the runtime has no unit {service.unit!r} (there are: {there}); "
                "write `unit: null` if it runs elsewhere"
            )


def _files(system: LoadedSystem) -> Iterator[str]:
    for name, service in system.services.items():
        files = [log.file for log in service.logs]
        files += [service.config.file, service.config.golden] if service.config else []
        files += [f for f in (service.env.file, service.env.golden) if f] if service.env else []
        for file in files:
            if not any(found.exists() for found in matching(system.path(file))):
                yield f"{name}: {file} is not there (looked for below {system.base_dir}){where_from(service, file)}"
