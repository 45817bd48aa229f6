"""The sandbox as the injector sees it: addresses, superuser, files, and hands on its parts.

The facts come from site.json in the sandbox's folder. Everything here is asked for by role (`api-1`, `shop.orders`),
whatever that sandbox calls it. Chaos only: the portal reads the manifest. No Django.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import redis as redis_client
import yaml

from chaos.hands import Hands, hands_of
from chaos.hands.base import ALIVE, DEAD, UNSETTLED
from chaos.names import Names
from chaos.stores import cache, cursor_for
from systems import yamlsafe

SETTLES_WITHIN_S = 8.0
LOOK_S = 0.1
SITE = "site.json"


class SiteMissing(Exception):
    """This system has no injector's description: faults can be put into the sandbox only."""


@dataclass(frozen=True)
class Site:
    """One running sandbox. Every method acts from outside, with what an operator of that machine has."""

    folder: Path
    facts: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Site:
        try:
            return cls(folder, json.loads((folder / SITE).read_text()))
        except FileNotFoundError:
            raise SiteMissing(f"{folder} is not a sandbox; faults can be put into the sandbox only") from None

    @cached_property
    def hands(self) -> Hands:
        """Whatever is done to the parts themselves."""
        return hands_of(self.folder, self.facts)

    @cached_property
    def names(self) -> Names:
        return Names.of(self.facts)

    def start_if_dead(self, unit: str, *, world: bool = False) -> None:
        """One that is just starting or ending is waited for: it may have begun with what was wrong."""
        until = time.monotonic() + SETTLES_WITHIN_S
        while (state := self.hands.units(world=world)[unit]["state"]) in UNSETTLED:
            if time.monotonic() > until:
                break
            time.sleep(LOOK_S)
        if state in DEAD:
            self.hands.start(unit, world=world)

    def restart_if_silent(self, unit: str) -> None:
        """One that is alive and not ready may wait for what will never come."""
        if self.answers(unit, "/readyz"):
            self.hands.restart(unit)

    def down(self, units: tuple[str, ...], *, world: bool = False) -> str:
        """Which of them do not run; "" when all do."""
        seen = self.hands.units(world=world)
        dead = [unit for unit in units if seen[unit]["state"] not in ALIVE]
        return f"{', '.join(dead)} not running" if dead else ""

    # --- files

    def path(self, relative: str) -> Path:
        """A path below the sandbox's folder."""
        return self.folder / self.names.path(relative)

    def config_path(self, unit: str) -> Path:
        return self.path(f"etc/{unit}.yaml")

    def write_atomic(self, path: Path, text: str) -> None:
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(text)
        if path.exists():
            fresh.chmod(path.stat().st_mode & 0o777)
        fresh.rename(path)

    def edit_config(self, unit: str, key: str, value: Any) -> None:
        """Set a dotted key; ValueError when its parents are not there."""
        path = self.config_path(unit)
        data = yamlsafe.load(path.read_text(), aliases=True)
        node = data
        *parents, last = self.names.text(key).split(".")
        for name in parents:
            if not isinstance(node.get(name), dict):
                raise ValueError(f"{path.name} has no {key}")
            node = node[name]
        node[last] = self.names.data(value)
        self._write_config(path, data)

    def drop_config(self, unit: str, key: str) -> None:
        """Take a key of the top level out, if it is there."""
        path = self.config_path(unit)
        data = yamlsafe.load(path.read_text(), aliases=True)
        if data.pop(self.names.text(key), None) is not None:
            self._write_config(path, data)

    def _write_config(self, path: Path, data: Any) -> None:
        self.write_atomic(path, yaml.safe_dump(data, sort_keys=False, width=110, allow_unicode=True))

    def config_value(self, unit: str, key: str) -> Any:
        """The present value of a dotted key; None when absent or the file is broken."""
        try:
            node = yamlsafe.load(self.config_path(unit).read_text(), aliases=True)
        except yaml.YAMLError:
            return None
        for name in self.names.text(key).split("."):
            node = node.get(name) if isinstance(node, dict) else None
        return node

    def config_parses(self, unit: str) -> bool:
        try:
            return isinstance(yamlsafe.load(self.config_path(unit).read_text(), aliases=True), dict)
        except yaml.YAMLError:
            return False

    # --- stores

    def superuser(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Autocommit; closes at the end of its `with`. A statement takes 10 s at most: faults have deadlines."""
        return psycopg.connect(
            self.facts["super_dsn"], autocommit=True, connect_timeout=5, options="-c statement_timeout=10s",
            cursor_factory=cursor_for(self.names),
        )  # fmt: skip

    def redis(self) -> redis_client.Redis:
        return cache(self.facts["redis_url"], self.names)

    def login_fails(self, unit: str, key: str) -> str:
        """Whether what stands in a unit's environment file can log in to the database, past any edge."""
        lines = self.path(f"etc/{unit}.env").read_text().splitlines()
        dsn = next((line.split("=", 1)[1] for line in lines if line.startswith(f"{key}=")), "")
        try:
            parts = psycopg.conninfo.conninfo_to_dict(dsn)
            host, port = self.facts["addresses"]["postgres"].split(":")
            psycopg.connect(**{**parts, "host": host, "port": port, "connect_timeout": 3}).close()
        except psycopg.OperationalError as error:
            return f"{unit}: {str(error).strip().splitlines()[-1]}"
        return ""

    def migrate_argv(self) -> list[str]:
        """The shop's own command for its schema, as its releases bring it."""
        python = (
            ["python", "-m", "shop.kit.start", "python"]
            if self.facts["driver"] == "docker"
            else [sys.executable]
        )
        return [*python, "-m", self.names.text("shop.migrate")]

    # --- HTTP

    def url(self, unit: str, path: str) -> str:
        return f"http://{self.facts['addresses'][unit]}{self.names.text(path)}"

    def answers(self, unit: str, path: str = "/healthz") -> str:
        """ "" when the unit's health page answers 200, else why not."""
        try:
            with urllib.request.urlopen(self.url(unit, path), timeout=2):
                return ""
        except OSError as error:
            return f"{unit} does not answer: {error}"

    def told(self, unit: str, path: str) -> dict[str, Any]:
        """What a page of the unit says, as JSON."""
        with urllib.request.urlopen(self.url(unit, path), timeout=8) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def post(self, unit: str, path: str) -> Any:
        request = urllib.request.Request(self.url(unit, path), method="POST", data=b"")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def job(self, name: str, verb: str) -> None:
        """run, pause or resume a job of the batch service."""
        self.post("batch", f"/jobs/{name}/{verb}")

    def run_anew(self, job: str) -> None:
        """End the run that may be under way, which goes on with the settings that it began with, and begin another."""
        for verb in ("pause", "resume", "run"):
            self.job(job, verb)

    def is_paused(self, job: str) -> bool:
        """Whether the batch service starts no more runs of it, and none is under way."""
        with urllib.request.urlopen(self.url("batch", "/jobs"), timeout=5) as answer:
            jobs: list[dict[str, Any]] = json.loads(answer.read())
        return any(one["name"] == self.names.word(job) and one["state"] == "paused" for one in jobs)

    def edge(self, name: str) -> dict[str, Any]:
        """{name, path, ok, medium, ...} of a network edge."""
        with urllib.request.urlopen(self.url("net", "/edges"), timeout=5) as answer:
            edges: list[dict[str, Any]] = json.loads(answer.read())
        return next(e for e in edges if e["name"] == self.names.word(name))


def names_in(folder: Path) -> Names:
    """What the sandbox in that folder calls its parts; nothing is called otherwise where there is none."""
    try:
        return Site.load(folder).names
    except (SiteMissing, OSError, ValueError):
        return Names()
