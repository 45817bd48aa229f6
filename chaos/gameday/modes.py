"""What a game day goes on in: without golden copies, in noise, on a starved machine, blind to a source."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from chaos import injector, service
from chaos.circumstances import ALL_DAY_S, NoGolden
from chaos.gameday import BY
from chaos.gameday.draws import DECOYS, PLAIN
from chaos.gameday.noise import noisy
from chaos.site import Site
from systems.blindness import LEDGER, switched_off
from systems.models import System
from systems.probes import PROBES

NO_GOLDEN, NOISE, STARVED = "no-golden", "noise", "starved"
RENAMED = "renamed"  # on a sandbox of its own: opsportal/renamed.py
MODES = (PLAIN, NO_GOLDEN, DECOYS, RENAMED, NOISE, STARVED)
SOURCES = (*PROBES, LEDGER)
LOOPS = 8
BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(200_000))
"""
TAKES_UP_S = 12.0  # until the watcher has gone over to what it is told to look at
SPARE_S = 600.0  # that a run may take beyond its time


def within(mode: str, site: Site, seed: int) -> AbstractContextManager[object]:
    """Inside, the system is in that mode."""
    made = {NO_GOLDEN: no_golden, STARVED: starved, NOISE: noisy}.get(mode)
    return made(site, seed) if made is not None else nullcontext()


@contextmanager
def no_golden(site: Site, seed: int) -> Iterator[None]:
    """The golden copies are not to be found; through the journal, so that they come back whatever becomes of us."""
    journal, entry_id = service.journal(), str(uuid.uuid4())
    injector.arm(journal, site, NoGolden.id, {"seed": seed}, ALL_DAY_S, entry_id)
    try:
        injector.inject(journal, entry_id)
        yield
    finally:
        injector.revert(journal, entry_id, BY)


@contextmanager
def starved(site: Site, seed: int) -> Iterator[None]:
    """Busy loops beside everything; they end with us."""
    loops = [subprocess.Popen([sys.executable, "-S", "-c", BUSY]) for _ in range(LOOPS)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@dataclass(frozen=True)
class Blindness:
    """The portal does not read that source for a while."""

    system: System
    source: str

    def renew(self, seconds: float) -> None:
        until = timezone.now() + timedelta(seconds=seconds + SPARE_S)
        System.objects.filter(pk=self.system.pk).update(blind=switched_off([self.source], until))


@contextmanager
def blind(system: System, source: str) -> Iterator[Blindness]:
    """Inside, the portal does not read that source, as long as that is renewed run by run."""
    found = Blindness(system, source)
    try:
        found.renew(SPARE_S)
        time.sleep(TAKES_UP_S)
        yield found
    finally:
        System.objects.filter(pk=system.pk).update(blind={})
