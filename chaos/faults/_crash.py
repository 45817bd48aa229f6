"""Shared by the faults in which a process dies again at every start, until whoever runs it gives up."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from chaos.faults.base import FaultFailed, Part
from chaos.site import Site


def for_good(site: Site, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
    """They die of signal `number` and nobody starts them again. FaultFailed when they keep coming back."""
    try:
        site.hands.crash(units, number, world=world)
    except TimeoutError as error:
        raise FaultFailed(str(error)) from error


def started(site: Site, units: Iterable[str], *, world: bool = False) -> list[Part]:
    """Each of them runs again."""
    return [Part(f"{unit} runs", partial(site.start_if_dead, unit, world=world)) for unit in units]
