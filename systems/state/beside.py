"""The ledger beside the ticks of a system."""

from __future__ import annotations

from collections.abc import Callable

from systems.blindness import LEDGER
from systems.state.sampler import Sampler
from systems.state.sources import build
from systems.watch import SystemWatch


def sampler_for(watch: SystemWatch, starved: Callable[[], bool]) -> Sampler | None:
    """What reads its settled values, and hears the readings of its ticks. None for a system that is in no database, or
    where it is switched off."""
    if watch.system.id is None or LEDGER in watch.system.blind:
        return None
    sources = build(watch.system)
    watch.listeners.append(sources.uses.feed)
    return Sampler(watch.system, sources.every, now=watch.now, clock=watch.clock, starved=starved)
