"""A first look at everything that a manifest declares to be read: what each reading answers, or why it does not."""

from __future__ import annotations

import asyncio

from systems import redact, threads
from systems.declared.asking import MOST_LABELS, ask
from systems.declared.judging import Judge
from systems.manifest import Service
from systems.manifest.watched import ReadingSpec
from systems.readings import clean
from systems.services import LoadedSystem

SHOWN, LONGEST = 5, 400


async def try_readings(system: LoadedSystem, within_s: float) -> tuple[list[str], list[str]]:
    """(a line for each that answered, one for each that cannot be asked), after at most `within_s`."""
    jobs = {
        (name, spec.name): asyncio.wrap_future(
            threads.submit(system.slug, f"tried {name} {spec.name}", _told, system, service, spec)
        )
        for name, service in system.services.items()
        for spec in service.readings
    }
    if not jobs:
        return [], []
    await asyncio.wait(jobs.values(), timeout=within_s)
    hide = redact.for_system(system).text
    answered: list[str] = []
    troubles: list[str] = []
    for (name, reading), job in jobs.items():
        known, words = job.result() if job.done() else (False, f"no answer in {within_s:g} s")
        line = f"{name}: reading {reading} " + (
            f"answered {words}" if known else f"cannot be read now, so it is unknown: {words}"
        )
        (answered if known else troubles).append(hide(clean(line, LONGEST)))
    return answered, troubles


def _told(system: LoadedSystem, service: Service, spec: ReadingSpec) -> tuple[bool, str]:
    """Whether it is known, and what was answered, in words; or why not."""
    found = ask(system, service, spec)
    if isinstance(found, str):
        return False, found
    judge = Judge(spec, service.name)
    if not found:
        return True, "nothing just now: no row, no entry"
    for label, value in found.items():
        if why := judge.unfit(value):
            return False, f"{label}: {why}" if label else why
    told = [f"{label} {judge.shown(v)}".strip() for label, v in found.items() if v is not None][:SHOWN]
    more = len(found) - len(told)
    over = f"; of its {len(found)} labels {MOST_LABELS} are looked at" if len(found) > MOST_LABELS else ""
    return True, ", ".join(told) + (f" and {more} more" if more else "") + over
