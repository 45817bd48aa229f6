"""The api's configuration is cut off in the middle of a key, and its processes are restarted on it."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNITS = ("api-1", "api-2")


class ConfigCorruption(Fault):
    id = "config_corruption"
    title = "Configuration corruption"
    category = "config"
    targets = UNITS
    description = (
        "A half-written configuration file: cut off in the middle of a key. The api can't start on it."
    )
    blast_radius = "the whole shop: every page and order"
    reverts = "puts the file back and starts the processes"
    expected = Expected(("api", *UNITS), ("config_corrupt",))
    culprits = tuple((part, f"{unit}.yaml: text") for unit in UNITS for part in (unit, "api"))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return _config.remember(site, UNITS)

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        for unit in UNITS:
            text = undo["texts"][unit]
            site.write_atomic(site.config_path(unit), text[: len(text) // 2].rsplit(":", 1)[0] + "\n\t")
        for unit in UNITS:
            site.hands.bounce(unit)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _config.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        bad = [unit for unit in UNITS if not site.config_parses(unit)]
        dead = [unit for unit in UNITS if site.answers(unit)]
        return f"unreadable: {bad}, not answering: {dead}" if bad or dead else ""
