"""Shared by the faults whose cause is in the environment of some processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from chaos.faults.base import Fault, Part, Undo
from chaos.site import Site


class VariableFault(Fault):
    """One variable of some units becomes another, or goes; they are restarted on it."""

    units: ClassVar[tuple[str, ...]]
    variable: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.targets = cls.units
        cls.culprits = tuple((unit, cls.variable) for unit in cls.units)

    def value(self, site: Site, was: str) -> str | None:
        """What it becomes; None: it goes."""
        return None

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        texts = {unit: _path(site, unit).read_text() for unit in self.units}
        return {"texts": texts, "now": {unit: self._edited(site, text) for unit, text in texts.items()}}

    def _edited(self, site: Site, text: str) -> str:
        kept = []
        for line in text.splitlines():
            name, _, was = line.partition("=")
            if name != self.variable:
                kept.append(line)
            elif (now := self.value(site, was)) is not None:
                kept.append(f"{name}={now}")
        return "".join(f"{line}\n" for line in kept)

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        for unit in self.units:
            site.write_atomic(_path(site, unit), undo["now"][unit])
        for unit in self.units:
            site.hands.bounce(unit)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        """Files first, then their readers; who has not read its own file again is noted in undo["unread"]."""
        unread: list[str] = undo.setdefault("unread", [])
        texts: dict[str, str] = undo["texts"]
        unread += [
            unit
            for unit in texts
            if unit not in unread and self.said(site, unit) != self.said_in(texts[unit])
        ]
        files = [
            Part(f"the environment of {u}", partial(self._put_back, site, u, text))
            for u, text in texts.items()
        ]
        readers = [
            Part(f"{u} runs in its own environment", partial(self._have_read, site, undo, u)) for u in texts
        ]
        return files + readers

    def still_broken(self, site: Site, undo: Undo) -> str:
        bad = [unit for unit in self.units if self.said(site, unit) == self.said_in(undo["now"][unit])]
        return f"{self.variable} is wrong for {', '.join(bad)}" if bad else ""

    def said(self, site: Site, unit: str) -> str | None:
        """What its file says now."""
        try:
            return self.said_in(_path(site, unit).read_text())
        except FileNotFoundError:
            return None

    def said_in(self, text: str) -> str | None:
        lines = (line.partition("=") for line in text.splitlines())
        return next((value for name, _, value in lines if name == self.variable), None)

    def _put_back(self, site: Site, unit: str, text: str) -> None:
        if self.said(site, unit) != self.said_in(text):
            site.write_atomic(_path(site, unit), text)

    def _have_read(self, site: Site, undo: Undo, unit: str) -> None:
        if unit in undo["unread"]:
            site.hands.bounce(unit)
            undo["unread"].remove(unit)
        site.start_if_dead(unit)


def _path(site: Site, unit: str) -> Path:
    return site.path(f"etc/{unit}.env")
