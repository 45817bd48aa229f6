"""What an injector needs from whoever runs the sandbox. `world`: the part outside, which is not the shop's."""

from __future__ import annotations

from typing import Any, Protocol

DEAD = ("FATAL", "STOPPED", "BACKOFF")
ALIVE = ("RUNNING", "STARTING")
UNSETTLED = ("STARTING", "STOPPING")


class Hands(Protocol):
    """OSError (or RuntimeFailed) from every method when the one who runs the parts does not answer."""

    def units(self, *, world: bool = False) -> dict[str, dict[str, Any]]:
        """{unit: {state, pid, fatal}}."""

    def start(self, unit: str, *, world: bool = False) -> None: ...

    def crash(self, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
        """They die of signal `number`, and stay dead. TimeoutError names those that keep coming back."""

    def reload(self, unit: str, *, world: bool = False) -> None:
        """Have it read its configuration again; a dead one reads it when it starts."""

    def bounce(self, unit: str) -> None:
        """End it, and have its next process start."""

    def restart(self, unit: str) -> None:
        """Restart it as whoever operates it would: asked for, and in order."""

    def stop(self, unit: str) -> None:
        """Stop it as whoever operates it would; nobody starts it again by itself."""

    def set_memory_limit(self, unit: str, megabytes: float | None) -> None:
        """What it may use from now on; None: as much as it wants."""

    def strike(self, unit: str, signal: str) -> None:
        """One signal to its first process, by its name without SIG."""

    def freeze(self, unit: str) -> None:
        """Stop it in its tracks."""

    def thaw(self, unit: str) -> None:
        """Let it go on, if it is frozen."""

    def is_frozen(self, unit: str) -> bool: ...

    def write_log(self, unit: str, lines: list[str]) -> None:
        """Lines in the unit's log, as if it had written them."""

    def run_beside(self, unit: str, argv: list[str]) -> tuple[int, list[str]]:
        """A command with a unit's folder and environment: its exit status and what it said, by lines."""

    def busy_children(self, unit: str, percent: float) -> list[str]:
        """Child processes of a unit that use more than this share of a core right now."""

    def line(self, edge: str) -> dict[str, Any]:
        """How the line of an edge hangs now: what `mend` needs to put it back."""

    def cut(self, edge: str) -> bool:
        """Cut the line that path A of an edge runs over. False when it has none that can be cut."""

    def mend(self, edge: str, line: dict[str, Any]) -> None:
        """Put the line of an edge back, if it is cut. `line`: what line() said before."""
