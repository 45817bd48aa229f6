"""How the game day measures whether a target is whole: at the target, at what comes of it, at the journeys of the
users, and at whether everything still runs that ran before. What the portal thinks of it does not come into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaos.alterations import Alteration
from chaos.faults.base import Fault, Undo
from chaos.hands.base import ALIVE
from chaos.site import Site


class Target:
    """Called, it says what is wrong, "" when nothing is. `journeys`: what fails of them; None where another fault
    breaks them too. `felt`: how many failed in the last look."""

    def __init__(
        self, site: Site, fault: Fault, undo: Undo, journeys: Callable[[], Sequence[str]] | None
    ) -> None:
        self._site, self._fault, self._undo, self._journeys = site, fault, undo, journeys
        self.ran = running(site)
        self.felt: int | None = None

    def __call__(self) -> str:
        self.felt = None
        wrong = self._broken() or self.gone()
        failing = self._journeys() if self._journeys is not None else None
        self.felt = None if failing is None else len(failing)
        return wrong or "; ".join(failing or ())

    def _broken(self) -> str:
        if wrong := self._fault.still_broken(self._site, self._undo):
            return wrong
        return self._fault.shows(self._site, self._undo) if isinstance(self._fault, Alteration) else ""

    def gone(self) -> str:
        """What ran before and does not now: a part that was taken away is not mended."""
        left = self.ran - running(self._site)
        return f"{', '.join(sorted(left))} no longer there" if left else ""


def running(site: Site) -> frozenset[str]:
    """The units that are alive now."""
    return frozenset(name for name, unit in site.hands.units().items() if unit["state"] in ALIVE)
