"""What the faults in files that units read have in common: a configuration, or the variables of an environment."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import yaml

from chaos.alterations import Touched
from chaos.faults.base import FaultFailed, NotUndone, Part, Undo, run_parts
from chaos.site import Site
from chaos.unknown.base import Drawn
from chaos.unknown.orders import take_up_again, waiting
from systems import yamlsafe


class Text(Drawn):
    """A choice is (part, what, ...). `restarts`: whether its readers must be started anew to read it."""

    family = "files"
    restarts: ClassVar[bool] = False

    @abstractmethod
    def path(self, site: Site, unit: str) -> Path: ...

    @abstractmethod
    def edited(self, site: Site, text: str, chosen: list[Any]) -> str:
        """The text after the change. FaultFailed when it has no place for it."""

    @abstractmethod
    def is_wrong(self, site: Site, text: str, undo: Undo) -> bool:
        """Whether the change is in the text."""

    def inverse(self, site: Site, seed: int) -> Undo:
        chosen = self.chosen(seed)
        texts = {unit: self.path(site, unit).read_text() for unit in self.units(chosen)}
        now = {unit: self.edited(site, text, chosen) for unit, text in texts.items()}
        return {"chosen": chosen, "texts": texts, "now": now}

    def apply(self, site: Site, undo: Undo) -> None:
        for unit, text in undo["now"].items():
            site.write_atomic(self.path(site, unit), text)
        for unit in undo["now"]:
            with suppress(OSError):  # that it does not come up again may be the very thing
                self._tell(site, unit)

    def undo(self, site: Site, undo: Undo) -> None:
        if left := run_parts(self.parts(site, undo)):
            raise NotUndone(left)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        """Files first, then their readers; who has not read its own text again is noted in undo["unread"]."""
        unread: list[str] = undo.setdefault("unread", [])
        unread += [u for u, text in undo["texts"].items() if u not in unread and not self._is(site, u, text)]
        files = [
            Part(f"the file of {u}", partial(self._write, site, u, text)) for u, text in undo["texts"].items()
        ]
        readers = [
            Part(f"{u} runs on its own file", partial(self._read, site, undo, u)) for u in undo["texts"]
        ]
        half_done = [Part("orders that were in hand", partial(take_up_again, site))]
        return files + readers + (half_done if "worker" in undo["texts"] else [])

    def still_broken(self, site: Site, undo: Undo) -> str:
        bad = [u for u in undo["texts"] if self.is_wrong(site, self._text(site, u), undo)]
        return f"{undo['chosen'][1]} is wrong for {', '.join(bad)}" if bad else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched(unit, self.kind, undo["chosen"][1]) for unit in self.units(undo["chosen"])]

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site) if undo["chosen"][0] == "worker" else ""

    def _tell(self, site: Site, unit: str) -> None:
        if self.restarts:
            site.hands.restart(unit)
        else:
            site.hands.reload(unit)

    def _text(self, site: Site, unit: str) -> str:
        try:
            return self.path(site, unit).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _is(self, site: Site, unit: str, text: str) -> bool:
        return self._text(site, unit) == text

    def _write(self, site: Site, unit: str, text: str) -> None:
        if not self._is(site, unit, text):
            site.write_atomic(self.path(site, unit), text)

    def _read(self, site: Site, undo: Undo, unit: str) -> None:
        if unit in undo["unread"]:
            self._tell(site, unit)
            undo["unread"].remove(unit)
        site.start_if_dead(unit)


class ConfigValue(Text):
    """A choice is (part, dotted key, value)."""

    kind = "config"
    causes = ("", "config_changed")  # that runbook names the change, rightly

    def path(self, site: Site, unit: str) -> Path:
        return site.config_path(unit)

    def value(self, site: Site, was: Any, chosen: list[Any]) -> Any:
        return chosen[2]

    def edited(self, site: Site, text: str, chosen: list[Any]) -> str:
        data = yamlsafe.load(text, aliases=True)
        node, names = data, site.names.text(chosen[1]).split(".")
        for name in names[:-1]:
            if not isinstance(node.get(name), dict):
                raise FaultFailed(f"the configuration has no {chosen[1]}")
            node = node[name]
        node[names[-1]] = site.names.data(self.value(site, node.get(names[-1]), chosen))
        return str(yaml.safe_dump(data, sort_keys=False, width=110, allow_unicode=True))

    def is_wrong(self, site: Site, text: str, undo: Undo) -> bool:
        unit, key = self.units(undo["chosen"])[0], site.names.text(undo["chosen"][1])
        return bool(_at(text, key) == _at(undo["now"][unit], key))


class Variable(Text):
    """A choice is (part, variable, value). The environment is read at start."""

    kind = "env"
    restarts = True

    def path(self, site: Site, unit: str) -> Path:
        return site.path(f"etc/{unit}.env")

    def value(self, was: str, chosen: list[Any]) -> str:
        return str(chosen[2])

    def edited(self, site: Site, text: str, chosen: list[Any]) -> str:
        line = f"{chosen[1]}={self.value(_variable(text, chosen[1]), chosen)}"
        lines = text.splitlines()
        there = [number for number, one in enumerate(lines) if one.startswith(f"{chosen[1]}=")]
        if there:
            lines[there[0]] = line
        else:
            lines.append(line)
        return "\n".join(lines) + "\n"

    def is_wrong(self, site: Site, text: str, undo: Undo) -> bool:
        unit, name = self.units(undo["chosen"])[0], undo["chosen"][1]
        return _variable(text, name) == _variable(undo["now"][unit], name)


def _at(text: str, dotted: str) -> Any:
    try:
        node = yamlsafe.load(text, aliases=True)
    except yaml.YAMLError:
        return None
    for name in dotted.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _variable(text: str, name: str) -> str:
    return next((line.split("=", 1)[1] for line in text.splitlines() if line.startswith(f"{name}=")), "")
