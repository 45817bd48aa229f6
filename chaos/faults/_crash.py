"""Shared by the faults in which a process dies again at every start, until whoever runs it gives up."""

from __future__ import annotations

from chaos.faults.base import FaultFailed
from chaos.site import Site


def for_good(site: Site, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
    """They die of signal `number` and nobody starts them again. FaultFailed when they keep coming back."""
    try:
        site.hands.crash(units, number, world=world)
    except TimeoutError as error:
        raise FaultFailed(str(error)) from error
