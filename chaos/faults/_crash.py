"""Shared by the faults in which a process dies again at every start until whoever runs it gives up, or hangs."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from chaos.faults.base import Fault, FaultFailed, Part, Undo
from chaos.site import Site


class CrashFault(Fault):
    """Nothing but that some units, its `targets`, die of signal `number` and stay dead."""

    number: ClassVar[int] = signal.SIGKILL

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"units": list(self.targets)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        for_good(site, self.targets, self.number)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return started(site, undo["units"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        return site.down(self.targets)


class HangFault(Fault):
    """Nothing but that one unit, the first of its `targets`, is stopped in its tracks."""

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        if wrong := site.down(self.targets[:1]):
            raise FaultFailed(f"{wrong}: nothing to hang")
        return {}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        site.hands.freeze(self.targets[0])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        unit = self.targets[0]
        return [Part(f"{unit} moves again", lambda: site.hands.thaw(unit)), *started(site, (unit,))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        unit = self.targets[0]
        return f"{unit} does not move" if site.hands.is_frozen(unit) else site.down((unit,))


def for_good(site: Site, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
    """They die of signal `number` and nobody starts them again. FaultFailed when they keep coming back."""
    try:
        site.hands.crash(units, number, world=world)
    except TimeoutError as error:
        raise FaultFailed(str(error)) from error


def started(site: Site, units: Iterable[str], *, world: bool = False) -> list[Part]:
    """Each of them runs again."""
    return [Part(f"{unit} runs", partial(site.start_if_dead, unit, world=world)) for unit in units]
