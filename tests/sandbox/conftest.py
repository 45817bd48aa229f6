"""A prepared shop, a running one, and services started one by one."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from opsportal.local.binaries import postgres_bin, redis_server
from sandbox.build.control import Control
from sandbox.build.layout import OFFSETS, port_is_free
from sandbox.build.prepare import Site, load, prepare

ROOT = Path(__file__).parents[2]


def free_base() -> int:
    """A block of free ports away from the default one."""
    start = 23_000 + hash(str(time.monotonic_ns())) % 30 * 200
    return next(
        base
        for base in range(start, 31_000, 200)
        if all(port_is_free(base + offset) for offset in OFFSETS.values())
    )


def wait_for(what: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Poll until it gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (value := what()) is not None:
            return value
        time.sleep(0.25)
    raise AssertionError(f"nothing after {seconds} s: {what}")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A shop that is prepared but does not run."""
    root = tmp_path_factory.mktemp("shop")
    prepare(root, free_base(), postgres_bin(), redis_server())
    found = load(root)
    assert found is not None
    yield found
    shutil.rmtree(found.layout.short, ignore_errors=True)


class Running:
    """Both supervisors of a site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.root = site.layout.root
        self.facts: dict[str, Any] = json.loads((self.root / "site.json").read_text())
        self.manifest: dict[str, Any] = yaml.safe_load((self.root / "manifest.yaml").read_text())
        self._procs: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for name in ("world/processes.yaml", "processes.yaml"):
            argv = [sys.executable, "-m", "systems.supervisor", str(self.root / name), "--die-with-parent"]
            self._procs.append(
                subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )

    def stop(self) -> None:
        for process in reversed(self._procs):
            process.terminate()
        for process in self._procs:
            process.wait(30)

    def url(self, service: str, path: str = "") -> str:
        return self.site.layout.url(service, path)

    def get(self, service: str, path: str, timeout: float = 8.0) -> httpx.Response:
        return httpx.get(self.url(service, path), timeout=timeout, trust_env=False)

    def journey(self, name: str) -> str:
        """`ok`, or what went wrong."""
        spec = next(j for j in self.manifest["journeys"] if j["name"] == name)
        saved: dict[str, Any] = {}

        def fill(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: fill(item) for key, item in value.items()}
            for key, text in saved.items():
                value = value.replace("{" + key + "}", str(text)) if isinstance(value, str) else value
            return value

        ca = self.manifest.get("ca")
        verify = ssl.create_default_context(cafile=str(self.root / ca)) if ca else True
        with httpx.Client(timeout=8, trust_env=False, verify=verify) as client:
            for step in spec["steps"]:
                method = "GET" if "get" in step else "POST"
                url = fill(step["get"] if method == "GET" else step["post"])
                try:
                    answer = client.request(
                        method, url, json=fill(step.get("json")), headers=fill(step.get("headers", {}))
                    )
                except httpx.HTTPError as error:
                    return f"{name}: {error!r}"
                if answer.status_code != 200 or step.get("contains", "") not in answer.text:
                    return f"{name}: {answer.status_code} {answer.text[:200]}"
                saved |= {key: answer.json()[field] for key, field in step.get("save", {}).items()}
        return "ok"

    def complete(self) -> bool:
        """Every service runs, also those that no journey needs."""
        inner = Control(self.site.layout.socket_path())
        return inner.alive() and all(
            s["state"] == "RUNNING" for s in inner.call("status")["services"].values()
        )

    def healthy(self) -> bool:
        return all(self.journey(j["name"]) == "ok" for j in self.manifest["journeys"])


@pytest.fixture(scope="session")
def shop(site: Site) -> Iterator[Running]:
    """The whole shop, running and healthy."""
    running = Running(site)
    running.start()
    try:
        wait_for(lambda: running.complete() or None, 60)
        wait_for(lambda: running.healthy() or None, 60)
        yield running
    finally:
        running.stop()
