"""Extra runs of the system's own declared journeys, to tell sooner whether an intermittent fault is gone.

Only what the manifest lets be run all the time anyway; at most `MOST` in an incident and `RATE` a second. Where that is
more than a limit allows, the door says so, to us or to whoever comes at that time: from then on one at a time, and what
was turned away tells nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from agent.case import Case, Measuring, Raised
from agent.context import name_of_key
from agent.relapse import JOURNEY, Proof
from incidents.evidence import SignalState
from incidents.signals import CATALOG
from systems import trust
from systems.manifest.web import Journey
from systems.probes import journeys
from systems.services import LoadedSystem

MOST = 300
RATE = 4.0  # beside what is run all the time anyway
SLOW = 0.5
TURNED_AWAY = re.compile(r"\bstatus 429\b")
OURS = timedelta(seconds=20)  # so long after what we used up may others miss it


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
    if not raised.slow:
        raised.fast_from, raised.fast_at = raised.fast_from or now, now
    clean, problem = count.rounds, ""
    at_once = not raised.slow
    for journey, said in zip(todo, asyncio.run(_all(system, todo)), strict=True):
        if at_once and TURNED_AWAY.search(said):
            raised.slow = True
            continue
        clean[journey.name] = 0 if said else clean.get(journey.name, 0) + 1
        problem = problem or (f"{journey.name}: {said}" if said else "")
    return problem


def may_be_ours(raised: Raised, at: datetime, text: str) -> bool:
    """Whether a run of a journey that ended then was turned away because of what ours had used up."""
    if raised.fast_from is None or raised.fast_at is None or not TURNED_AWAY.search(text):
        return False
    return raised.fast_from <= at <= raised.fast_at + OURS


def without_ours(case: Case, states: Sequence[SignalState], at: datetime) -> list[SignalState]:
    """The states less what our own runs may have brought about by their number, where the trouble itself was none of
    limits. Where there is such a state, the runs go on one at a time."""
    if any(_turns_away(name_of_key(key)[0]) for key in case.before):
        return list(states)
    kept = [s for s in states if not _is_ours(case.raised, s, at)]
    case.raised.slow = case.raised.slow or len(kept) < len(states)
    return kept


def _is_ours(raised: Raised, state: SignalState, at: datetime) -> bool:
    if not state.value or not (state.signal == JOURNEY or _turns_away(state.signal)):
        return False
    return may_be_ours(raised, at, state.text if state.signal == JOURNEY else "status 429")


def _turns_away(signal: str) -> bool:
    return signal in CATALOG and CATALOG[signal].turns_away


async def _all(system: LoadedSystem, todo: Sequence[Journey]) -> list[str]:
    return list(await asyncio.gather(*(_one(system, journey) for journey in todo)))


async def _one(system: LoadedSystem, journey: Journey) -> str:
    try:
        async with journeys.visitor(system, journey) as http:
            return (await journeys.run_journey(http, journey))[1]
    except trust.Unusable as error:
        return str(error)
