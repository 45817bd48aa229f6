"""What stands beside the agent in the table: nobody acts; everything is restarted once; the latest change is taken
back once. Each is done as soon as something is noticed, and graded like the agent."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from chaos import injector, service
from chaos.alterations import Alteration
from chaos.gameday import BY
from chaos.gameday.amid import Amid
from chaos.gameday.grading import Act, Record, Said
from chaos.registry import find
from chaos.site import Site
from incidents.models import Incident
from systems.models import System
from systems.services import LoadedSystem

log = logging.getLogger(__name__)

NONE, RESTART, REVERT = BASELINES = ("none", "restart", "revert")
NOTICED_S = 30.0
AFTER_S = 3.0


def thoughtless(found: Record, which: str) -> Record:
    """The record without what the agent, which only watches then, said: none of it is a merit of who acts. Who does
    nothing leaves all to people, and tells them nothing."""
    called = Said("") if which == NONE else None
    return replace(found, first=None, last=None, handed_over=called, recovered=(), note=which)


class Baseline:
    """`pressed`: the fault's entry in the journal; `amid`: the changes around it."""

    def __init__(
        self, which: str, system: System, loaded: LoadedSystem, pressed: str, amid: Amid | None
    ) -> None:
        self._which, self._system, self._loaded = which, system, loaded
        self._pressed, self._amid = pressed, amid

    def act(self, since: datetime) -> list[Act]:
        """What was done; nothing where nobody acts."""
        if self._which not in (RESTART, REVERT):
            return []
        self._wait_noticed(since)
        return self._restart_everything() if self._which == RESTART else self._revert_latest(since)

    def _wait_noticed(self, since: datetime) -> None:
        until = time.time() + NOTICED_S
        while time.time() < until:
            if Incident.objects.filter(system=self._system, opened_at__gte=since).exists():
                break
            time.sleep(0.2)
        time.sleep(AFTER_S)

    def _restart_everything(self) -> list[Act]:
        acts = []
        for name, spec in self._loaded.manifest.services.items():
            if spec.unit is not None:
                at = time.time()
                try:
                    self._loaded.runtime.restart(spec.unit, None, 5.0)
                except Exception as error:
                    log.warning("restart of %s: %s", name, error)
                acts.append(Act("restart-service", name, at, interrupts=frozenset({name}), undoable=False))
        return acts

    def _revert_latest(self, since: datetime) -> list[Act]:
        """Whoever does it knows what changed last, the fault among it where that is a change, and takes that back
        whole: more than could be done from outside."""
        entry = service.journal().read(self._pressed)
        fault = find(entry.fault, entry.file)
        found = []
        if isinstance(fault, Alteration) and (touched := fault.touched(entry.undo)):
            found.append((since, self._pressed, touched[0]))
        around = list(self._amid.made) if self._amid is not None else []
        found += [(made.at, made.entry, made.touched[0]) for made in around if made.entry and made.touched]
        if not found:
            return []
        _, latest, what = max(found, key=lambda f: f[0])
        at = datetime.now(UTC).timestamp()
        try:
            if latest == self._pressed:
                fault.revert(Site.load(Path(entry.site)), entry.undo)
            else:
                injector.revert(service.journal(), latest, BY)
        except Exception as error:
            log.warning("the latest change could not be taken back: %s", error)
        return [Act("revert-change", what.component, at, takes_back=what)]
