"""Units: how much memory one may take, which release it runs, how many there are. How else it is run is written where
the runtime reads it, and is put back there."""

from __future__ import annotations

import re

from systems.services import LoadedSystem
from systems.state.inverses.types import Inverse, NoInverse, Unit, Wanted


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    then = wanted.then
    if wanted.what == "memory limit" and wanted.area == "unit" and then is not None:
        return Inverse((Unit(wanted.component, "limits", megabytes(then)),))
    if wanted.what == "open files" and wanted.area == "process" and then is not None:
        unit = system.service(wanted.component).unit
        if unit is None or not system.runtime.nearby(unit):
            raise NoInverse(f"the process of {wanted.component} is on another machine")
        note = "of the process that runs now: the next one begins with what its runtime gives it"
        return Inverse((Unit(wanted.component, "open files", int(then)),), notes=(note,))
    if wanted.what == "release" and then is not None:
        return Inverse(
            (Unit(wanted.component, "release", then),), notes=(f"{wanted.component} is started anew by it",)
        )
    if wanted.what == "replicas" and then is not None and then.isdecimal():
        return Inverse((Unit(wanted.component, "scale", int(then)),))
    raise NoInverse(
        f"{wanted.what} of {wanted.component} is written in what its runtime is started from: it is put back there"
    )


def loads(what: str, component: str) -> dict[str, str]:
    return {component: "by itself"} if what == "release" else {}


def megabytes(text: str) -> float | None:
    """`300 MB`, or None for `none`."""
    if text == "none":
        return None
    found = re.fullmatch(r"([\d.]+) MB", text)
    if found is None:
        raise NoInverse(f"{text} is no limit in MB")
    return float(found[1])
