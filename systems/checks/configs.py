"""The whole difference between a configuration and its golden copy."""

from __future__ import annotations

import asyncio

from systems.manifest import Service
from systems.probes.files import diff, summary
from systems.readings import Reading, clean
from systems.services import LoadedSystem


async def config_diff(system: LoadedSystem, service: Service) -> list[Reading]:
    """check.config_diff: value = number of settings that differ, text = which (no secrets)."""
    if service.config is None:
        return [Reading(service.name, "check.config_diff", None, "it has no configuration in the manifest")]
    live, golden = system.path(service.config.file), system.path(service.config.golden)
    changes = await asyncio.to_thread(diff, live, golden)
    return [
        Reading(service.name, "check.config_diff", float(len(changes)), clean(summary(changes, limit=20)))
    ]
