"""Shared by the faults whose cause is a bad line in a service's configuration."""

from __future__ import annotations

from functools import partial
from typing import Any

from chaos.faults.base import Part, Undo
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


def restore(site: Site, undo: Undo) -> list[Part]:
    """Put the remembered texts back, then have the services read them; one that reads them already is left alone.

    Who has not read its own text again is noted in undo["unread"]: when a service cannot be told, its file is right and
    the next attempt would take it for mended.
    """
    texts: dict[str, str] = undo.get("texts", {})
    unread: list[str] = undo.setdefault("unread", [])
    unread += [unit for unit, text in texts.items() if unit not in unread and not _is_back(site, unit, text)]
    files = [
        Part(f"the configuration of {u}", partial(_write_back, site, u, text)) for u, text in texts.items()
    ]
    readers = [
        Part(f"{u} runs on its own configuration", partial(_have_read, site, undo, u, text))
        for u, text in texts.items()
    ]
    return files + readers


def _is_back(site: Site, unit: str, text: str) -> bool:
    try:
        return site.config_path(unit).read_text(errors="replace") == text
    except FileNotFoundError:
        return False


def _write_back(site: Site, unit: str, text: str) -> None:
    if not _is_back(site, unit, text):
        site.write_atomic(site.config_path(unit), text)


def _have_read(site: Site, undo: Undo, unit: str, text: str) -> None:
    if not _is_back(site, unit, text):
        raise OSError("the file is not back yet")
    if unit in undo["unread"]:
        site.hands.reload(unit)
        undo["unread"].remove(unit)
    site.start_if_dead(unit)


def still(site: Site, edits: list[Edit]) -> str:
    """Which of the bad values are still in the files."""
    bad = [
        f"{unit}: {key} is {value!r}" for unit, key, value in edits if site.config_value(unit, key) == value
    ]
    return "; ".join(bad)
