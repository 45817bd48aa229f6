"""Checks that somebody has to ask for, because they cost something. Adding one: a file, and its line in CHECKS.

A check returns readings of the metric `check.<name>`; value 1 yes, 0 no, None when it could not be found out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from systems.checks import configs, direct, logins
from systems.manifest import Service
from systems.probes.base import error_kind
from systems.readings import Reading, clean
from systems.services import LoadedSystem

Check = Callable[[LoadedSystem, Service], Awaitable[list[Reading]]]

CHECKS: dict[str, Check] = {
    "pg_login": logins.pg_login,
    "pg_conninfo": logins.pg_conninfo,
    "direct_http": direct.direct_http,
    "link_direct": direct.link_direct,
    "external_fallback": direct.external_fallback,
    "config_diff": configs.config_diff,
}
PATIENCE_S = 8.0


async def arun(name: str, system: LoadedSystem, service: str) -> list[Reading]:
    """Run one check of one service. LookupError for an unknown name; a check that fails or takes too long gives a
    reading with value None."""
    check = CHECKS[name]
    spec = system.service(service)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check(system, spec)
    except TimeoutError:
        return [Reading(service, f"check.{name}", None, f"no answer in {PATIENCE_S:g} s")]
    except Exception as error:
        return [Reading(service, f"check.{name}", None, clean(error_kind(error), 200))]


def run(name: str, system: LoadedSystem, service: str) -> list[Reading]:
    """`arun` for code without an event loop."""
    return asyncio.run(arun(name, system, service))
