"""The clock of the machine that a replica runs on goes a quarter of an hour ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chaos.faults.base import DRIVERS, Expected, Fault, Intensity, Part, Undo
from chaos.site import Site

UNIT = "api-2"
AHEAD_S = 900
WRONG_S = 2.0


class TimeDrift(Fault):
    id = "time_drift"
    title = "Time drift"
    category = "external"
    targets = (UNIT,)
    description = f"The clock of the machine of {UNIT} is {AHEAD_S} seconds ahead."
    blast_radius = "who logs in there is refused by the other replica; dates and stamps are wrong"
    reverts = "sets the clock right"
    expected = Expected((UNIT,), ("clock_off",))
    intensity = Intensity("seconds that the clock is ahead", AHEAD_S, 30, 86_400)
    imitated = dict.fromkeys(
        DRIVERS,
        "the kernel's clock is everybody's and stays as it is: the replica adds what stands in a file of its own",
    )

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        path = _path(site)
        return {"was": path.read_text() if path.exists() else None, "now": f"{self.strength(params):+g}\n"}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _path(site).parent.mkdir(parents=True, exist_ok=True)
        site.write_atomic(_path(site), undo["now"])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part(f"the clock of {UNIT}", lambda: _set_right(site, undo))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        ahead = _ahead(_path(site))
        return f"the clock of {UNIT} is {ahead:+g} s off" if abs(ahead) > WRONG_S else ""


def _path(site: Site) -> Path:
    return site.path(f"run/clock/{UNIT}")


def _ahead(path: Path) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0


def _set_right(site: Site, undo: Undo) -> None:
    """Only what was put in: whoever has set it meanwhile has set it right."""
    path = _path(site)
    if not path.exists() or path.read_text() != undo["now"]:
        return
    if undo["was"] is None:
        path.unlink()
    else:
        site.write_atomic(path, undo["was"])
