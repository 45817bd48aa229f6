"""Settings that bite, of which no runbook says a word; and secrets that do not fit any more."""

from __future__ import annotations

import time
from typing import Any

import yaml

from chaos.alterations import Alteration, Touched
from chaos.faults import _config
from chaos.faults.base import Expected, Undo, run_parts
from chaos.site import Site
from systems import yamlsafe


class Setting(Alteration):
    """One value of one configuration file."""

    unit: str
    key: str
    values: tuple[Any, ...]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.components = cls.targets = (getattr(cls, "unit", ""),)
        cls.expected = Expected(
            cls.components, ("", "config_changed")
        )  # that runbook names the change, rightly

    def inverse(self, site: Site, seed: int) -> Undo:
        value = self.values[seed % len(self.values)]
        return {**_config.remember(site, (self.unit,)), "value": value}

    def apply(self, site: Site, undo: Undo) -> None:
        _config.put(site, [(self.unit, self.key, undo["value"])])

    def undo(self, site: Site, undo: Undo) -> None:
        if left := run_parts(_config.restore(site, undo)):
            raise OSError("; ".join(left))

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _config.still(site, [(self.unit, self.key, undo["value"])])

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched(self.unit, "config", self.key)]


class DeadRoute(Setting):
    id = "dead_route"
    title = "The front door sends pages where nobody listens"
    unit, key = "gateway", "pools.frontend.members"
    values = ([{"name": "frontend", "url": "http://127.0.0.1:9"}],)


class ShortPatience(Setting):
    id = "short_patience"
    title = "Pages wait next to no time for the api"
    unit, key = "frontend", "api_timeout_s"
    values = (0.002, 0.004)


class SmallQuota(Setting):
    id = "small_quota"
    title = "The front door lets hardly anybody in"
    unit, key = "gateway", "rate_limit"
    values = ({"rps": 1, "burst": 1, "per_key": {}}, {"rps": 2, "burst": 2, "per_key": {}})


class KeyExpired(Alteration):
    """Outside: nothing of ours changed."""

    id = "key_expired"
    title = "Our key at the provider has expired"
    components = ("upstream", "api", "api-1", "api-2")

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"text": self._path(site).read_text(), "at": int(time.time()) - 60 * (seed % 5 + 1)}

    def apply(self, site: Site, undo: Undo) -> None:
        data = yamlsafe.load(undo["text"], aliases=True)
        data["keys"] = dict.fromkeys(data["keys"], undo["at"])
        self._put(site, yaml.safe_dump(data))

    def undo(self, site: Site, undo: Undo) -> None:
        if self._path(site).read_text() != undo["text"]:
            self._put(site, undo["text"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        return "the key has expired" if self._path(site).read_text() != undo["text"] else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("upstream", "deadline", "key")]

    def _path(self, site: Site) -> Any:
        return site.folder / "world/etc/upstream.yaml"

    def _put(self, site: Site, text: str) -> None:
        site.write_atomic(self._path(site), text)
        site.hands.reload("upstream", world=True)


class SecretDiffers(Alteration):
    """What one replica signs, the other does not take."""

    id = "secret_differs"
    title = "Two replicas have different secrets"
    components = ("api-2", "api")
    choices = ("JWT_SECRET", "UPSTREAM_API_KEY")

    def inverse(self, site: Site, seed: int) -> Undo:
        key = self.choices[seed % 2]
        return {
            "key": key,
            "was": _line_of(self._path(site).read_text(), key),
            "now": f"{key}=b7f1c2d9e8a64530",
        }

    def apply(self, site: Site, undo: Undo) -> None:
        self._put(site, undo["was"], undo["now"])

    def undo(self, site: Site, undo: Undo) -> None:
        if self.still_broken(site, undo):
            self._put(site, undo["now"], undo["was"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        now = _line_of(self._path(site).read_text(), undo["key"])
        return f"{undo['key']} of api-2 differs" if now == undo["now"] else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("api-2", "env", undo["key"])]

    def _path(self, site: Site) -> Any:
        return site.folder / "etc/api-2.env"

    def _put(self, site: Site, old: str, new: str) -> None:
        path = self._path(site)
        site.write_atomic(path, path.read_text().replace(f"{old}\n", f"{new}\n"))
        site.hands.restart("api-2")


def _line_of(text: str, key: str) -> str:
    return next((line for line in text.splitlines() if line.startswith(f"{key}=")), "")
