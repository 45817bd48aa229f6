"""What a fault is. One fault = one file here, one line in chaos/registry.py, one row in the contract test.

No Django in this package: a fault is put in and taken out with the portal dead. `prepare` computes the inverse and
touches nothing; it is on disk before `inject` runs. Putting it back is a list of parts, each idempotent, safe after a
half-done injection, and done whether or not the others can be: files first, for they need nobody alive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chaos.site import Site

Undo = dict[str, Any]
DRIVERS = ("process", "docker")
INTENSITY = "intensity"  # in the parameters of a press


@dataclass(frozen=True)
class Expected:
    """The answer key: any of these components with any of these causes is right. Read by the scorecard only."""

    components: tuple[str, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Intensity:
    """How hard a fault hits, which who presses may choose. `what`: in words, with its unit. `key`: of a fault that is
    nothing but settings, the one that it is."""

    what: str
    usual: float
    least: float
    most: float
    key: str = ""

    def of(self, params: Mapping[str, Any]) -> float:
        """As chosen, else the usual. Raises FaultFailed for what is none."""
        wanted = params.get(INTENSITY)
        if wanted is None:
            return self.usual
        if (
            isinstance(wanted, bool)
            or not isinstance(wanted, int | float)
            or not self.least <= wanted <= self.most
        ):
            raise FaultFailed(f"the intensity ({self.what}) is a number from {self.least:g} to {self.most:g}")
        return round(wanted) if isinstance(self.usual, int) else float(wanted)


class FaultFailed(Exception):
    """The fault could not be put in; the message says what to mend."""


class NotUndone(Exception):
    """Some parts could not be put back. `left`: which, and why, in plain words; the others are done."""

    def __init__(self, left: list[str]) -> None:
        self.left = left
        super().__init__("; ".join(left))


@dataclass(frozen=True)
class Part:
    """One thing to put back. `what` names it as a thing that is still to be done; `run` raises whatever it meets."""

    what: str
    run: Callable[[], object]


def run_parts(parts: Iterable[Part]) -> list[str]:
    """Run every part, whatever becomes of the others. What is left, and why."""
    left = []
    for part in parts:
        try:
            part.run()
        except Exception as error:
            left.append(f"{part.what} ({_words(error)})")
    return left


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class Fault(ABC):
    """A real fault of the mini production.

    `imitated`: runtime driver -> what is not the real mechanism there, and what stands for it. `restraint` marks a test
    of restraint: nothing is broken and nothing should be done. Times are in seconds.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    category: ClassVar[str]
    targets: ClassVar[tuple[str, ...]]
    description: ClassVar[str]
    blast_radius: ClassVar[str]
    reverts: ClassVar[str]
    expected: ClassVar[Expected]
    may_touch: ClassVar[tuple[str, ...]] = ()  # what a right repair may act on besides targets and components
    imitated: ClassVar[Mapping[str, str]] = {}
    restraint: ClassVar[bool] = False
    # (part, the key, job or edge) to blame, where a diagnosis could name one: any of these is right
    culprits: ClassVar[tuple[tuple[str, str], ...]] = ()
    max_duration_s: ClassVar[float] = 600.0
    intensity: ClassVar[Intensity | None] = None
    approves: ClassVar[
        tuple[str, ...]
    ] = ()  # what a person at hand would allow for it, beyond what is allowed for all
    drivers: ClassVar[tuple[str, ...]] = DRIVERS  # whose parts it can be put into

    def strength(self, params: Mapping[str, Any]) -> float:
        """How hard it is to hit, as chosen, else as usual. Raises FaultFailed for what cannot be."""
        assert self.intensity is not None, f"{self.id} has no intensity"
        return self.intensity.of(params)

    @abstractmethod
    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        """The inverse, complete enough to revert after any half of `inject`."""

    @abstractmethod
    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        """Break it. Raises FaultFailed with what to mend."""

    @abstractmethod
    def parts(self, site: Site, undo: Undo) -> list[Part]:
        """What puts it back, however much of it was broken and whoever mended what meanwhile. Touches nothing yet; what
        it notes in `undo` is on disk before the first part runs."""

    def revert(self, site: Site, undo: Undo) -> None:
        """Put it back, part by part. Raises NotUndone when some could not be."""
        if left := run_parts(self.parts(site, undo)):
            raise NotUndone(left)

    @abstractmethod
    def still_broken(self, site: Site, undo: Undo) -> str:
        """What is still wrong, measured at the target itself; "" once it is mended. Read by the scorecard only."""
