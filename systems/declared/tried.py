"""A first look at everything that a manifest declares to be read: what each reading answers, or why it does not."""

from __future__ import annotations

import asyncio

from systems import redact, threads
from systems.declared.asking import MOST_LABELS, ask
from systems.declared.judging import Judge, shown
from systems.declared.series import Value
from systems.manifest import Service
from systems.manifest.watched import ReadingSpec
from systems.readings import clean
from systems.services import LoadedSystem

SHOWN, LONGEST = 5, 800


async def try_readings(system: LoadedSystem, within_s: float) -> tuple[list[str], list[str]]:
    """(a line for each that answered, one for each that cannot be asked), after at most `within_s`."""
    jobs = {
        (name, spec.name): asyncio.wrap_future(
            threads.submit(system.slug, f"tried {name} {spec.name}", _told, system, service, spec)
        )
        for name, service in system.services.items()
        for spec in service.readings
    }
    mends = {(name, spec.name): spec.mend for name, s in system.services.items() for spec in s.readings}
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
        mend = "" if known else mends[name, reading]
        (answered if known else troubles).append(hide(clean(f"{line}{f'; {mend}' if mend else ''}", LONGEST)))
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
    told = [f"{label} {_value(judge, v)}".strip() for label, v in found.items() if v is not None][:SHOWN]
    more = len(found) - len(told)
    over = f"; of its {len(found)} labels {MOST_LABELS} are looked at" if len(found) > MOST_LABELS else ""
    counted = " so far; what counts is how much it rises a second" if spec.rate else ""
    return True, ", ".join(told) + (f" and {more} more" if more else "") + counted + over


def _value(judge: Judge, value: Value) -> str:
    """For people; of a counter as it stands, since the unit is that of its rate."""
    counted = judge.spec.rate and value.number is not None
    return shown(value.number or 0.0) if counted else judge.shown(value)
