"""Extra runs of the system's own declared journeys, to tell sooner whether an intermittent fault is gone.

Only what the manifest lets be run all the time anyway; at most `MOST` in an incident and `RATE` a second. Where that is
more than a limit allows, the door says so: from then on one at a time, and what was turned away tells nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from django.utils import timezone

from agent.case import Case, Measuring
from agent.relapse import Proof
from systems import trust
from systems.manifest.web import Journey
from systems.probes import journeys
from systems.services import LoadedSystem

MOST = 300
RATE = 5.0
SLOW = 0.5
TURNED_AWAY = re.compile(r"\bstatus 429\b")


def go(case: Case, count: Measuring, system: LoadedSystem, wanting: Sequence[Proof]) -> str:
    """Run what `wanting` lacks, within the cap. Counts clean runs in a row in `count.rounds`; returns the problem of a
    run that failed, "" otherwise."""
    now, raised = timezone.now(), case.raised
    rate = SLOW if raised.slow else RATE
    longest = max(1.0, 1.0 / rate)
    passed = (now - raised.at).total_seconds() if raised.at else longest
    may = min(MOST - raised.runs, int(rate * min(passed, longest)))
    chosen = [j for j in system.manifest.journeys if j.name in {p.name for p in wanting} and not j.keeps]
    # (a visitor made for the purpose has never been there before: of one who comes back its runs prove nothing)
    if may <= 0 or not chosen:
        return ""
    todo = [chosen[i % len(chosen)] for i in range(may)]
    raised.runs, raised.at = raised.runs + len(todo), now
    clean, problem = count.rounds, ""
    at_once = not raised.slow
    for journey, said in zip(todo, asyncio.run(_all(system, todo)), strict=True):
        if at_once and TURNED_AWAY.search(said):
            raised.slow = True
            continue
        clean[journey.name] = 0 if said else clean.get(journey.name, 0) + 1
        problem = problem or (f"{journey.name}: {said}" if said else "")
    return problem


async def _all(system: LoadedSystem, todo: Sequence[Journey]) -> list[str]:
    return list(await asyncio.gather(*(_one(system, journey) for journey in todo)))


async def _one(system: LoadedSystem, journey: Journey) -> str:
    try:
        async with journeys.visitor(system, journey) as http:
            return (await journeys.run_journey(http, journey))[1]
    except trust.Unusable as error:
        return str(error)
