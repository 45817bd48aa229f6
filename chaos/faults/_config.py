"""Shared by the faults whose cause is a bad line in a service's configuration."""

from __future__ import annotations

from typing import Any

from chaos.faults.base import Undo
from chaos.site import Site

Edit = tuple[str, str, Any]  # (unit, dotted key, value)


def remember(site: Site, units: tuple[str, ...]) -> Undo:
    """The present text of each unit's configuration."""
    return {"texts": {unit: site.config_path(unit).read_text() for unit in units}}


def put(site: Site, edits: list[Edit]) -> None:
    """Write the values and have the services read them, as a deployment would."""
    for unit, key, value in edits:
        site.edit_config(unit, key, value)
    for unit in dict.fromkeys(unit for unit, _, _ in edits):
        site.hands.reload(unit)


def restore(site: Site, undo: Undo) -> None:
    """Put the remembered texts back; a service that reads them already is left alone."""
    for unit, text in undo.get("texts", {}).items():
        path = site.config_path(unit)
        if path.read_text(errors="replace") != text:
            site.write_atomic(path, text)
            site.hands.reload(unit)
        site.start_if_dead(unit)


def still(site: Site, edits: list[Edit]) -> str:
    """Which of the bad values are still in the files."""
    bad = [
        f"{unit}: {key} is {value!r}" for unit, key, value in edits if site.config_value(unit, key) == value
    ]
    return "; ".join(bad)
