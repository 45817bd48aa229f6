"""What an attack is, and what comes of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from opsportal.attack.portal import Scratch

LOOK_S = 0.1
T = TypeVar("T")
Say = Callable[[str], None]


@dataclass
class Verdict:
    """Of one part. `figures`: what was counted. `broken`: sentences about promises that did not hold; [] = it holds."""

    part: str
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.broken

    def must(self, holds: bool, promise: str) -> None:
        """Note a promise that does not hold."""
        if not holds:
            self.broken.append(promise)

    def line(self) -> str:
        figures = ", ".join(f"{name} {_short(value)}" for name, value in self.figures.items())
        what = "holds" if self.holds else "BROKEN: " + "; ".join(self.broken)
        return f"{self.part}: {what} ({figures}; {self.seconds:.0f} s)"

    def as_json(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "holds": self.holds,
            "broken": self.broken,
            "seconds": round(self.seconds, 1),
        } | {"figures": self.figures}


def _short(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


@dataclass
class Context:
    """What a part works with. `form`: "brief" (in CI), "short" (the default) or "long"."""

    folder: Path
    form: str
    say: Say

    def pick(self, brief: T, short: T, long: T) -> T:
        return {"brief": brief, "short": short, "long": long}[self.form]

    @contextlib.contextmanager
    def portal(self, name: str, *, sandbox: bool = True, **env: str) -> Iterator[Scratch]:
        """A portal of its own for the length of the block."""
        scratch = Scratch(self.folder / name, sandbox=sandbox, env=env)
        try:
            self.say(f"  starting a portal in {scratch.folder} ...")
            scratch.start()
            yield scratch
        finally:
            scratch.stop()


@dataclass(frozen=True)
class Part:
    """One way to attack. `run` notes figures and broken promises in the verdict."""

    name: str
    title: str
    run: Callable[[Context, Verdict], None]


def until(what: Callable[[], T], seconds: float) -> T | None:
    """Look until it gives something true; None when it does not in time. What it looks at is another process's."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > end:
            return found or None
        time.sleep(LOOK_S)
