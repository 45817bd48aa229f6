"""The machine as a part of a system: it stands in no manifest, and is there where a runtime's units may be of it."""

from __future__ import annotations

from systems.graph import HOST
from systems.manifest import Manifest, Service
from systems.runtimes.base import Runtime

NAMES = (HOST, "host-machine")


class Machine(Service):
    """The machine the watcher runs on, and the units with it."""


def machine_of(manifest: Manifest, runtime: Runtime) -> Machine | None:
    """The part, by a name that no service has; None where no unit can be of this machine, or it is not wanted."""
    if manifest.host == "off" or not runtime.here or all(s.unit is None for s in manifest.services.values()):
        return None
    taken = manifest.services.keys() | {s.group for s in manifest.services.values()}
    name = next((n for n in NAMES if n not in taken), "")
    return Machine(name=name, kind=HOST, title="The machine") if name else None
