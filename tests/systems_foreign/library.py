"""The library: a small system that shares nothing with the portal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from systems import services
from systems.probes import journeys
from tests.care import until
from tests.systems.supervisor.harness import ROOT, Client, free_port

SITE = Path(__file__).parent / "site"


class Library:
    """The running system: three processes under a supervisor."""

    def __init__(self, base: Path) -> None:
        self.base = base
        shutil.copytree(SITE, base, dirs_exist_ok=True)
        ports = {f"@{name}@": str(free_port()) for name in ("SHELF", "LEDGER", "CLERK")}
        for file in [*base.glob("*.yaml"), *base.glob("etc/*")]:
            text = file.read_text()
            for mark, port in ports.items():
                text = text.replace(mark, port)
            file.write_text(text)
        shutil.copytree(base / "etc", base / "golden")
        (base / "todo").mkdir()
        self.manifest = base / "manifest.yaml"
        argv = [sys.executable, "-m", "systems.supervisor", str(base / "processes.yaml"), "--die-with-parent"]
        self.process = subprocess.Popen(argv, cwd=ROOT)
        until(self._well, 30, lambda: "the library does not open")

    def _well(self) -> bool:
        try:
            return not self.wrong()
        except OSError:
            return False

    def wrong(self) -> list[str]:
        """What a reader cannot do now."""
        return journeys.failures(services.from_manifest(self.manifest))

    def ask(self, op: str, service: str | None = None, **fields: Any) -> dict[str, Any]:
        client = Client(self.base / "run/supervisor.sock")
        try:
            return client.ask(op, **({"service": service} if service else {}), **fields)
        finally:
            client.close()

    def unit(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("status")["services"][name]
        return found

    def pids(self) -> dict[str, int | None]:
        return {name: unit["pid"] for name, unit in self.ask("status")["services"].items()}

    def send(self, name: str, number: signal.Signals) -> None:
        if pid := self.unit(name)["pid"]:
            os.kill(pid, number)

    def kill_until_given_up(self, name: str) -> None:
        def dead() -> bool:
            if self.unit(name)["fatal"]:
                return True
            self.send(name, signal.SIGKILL)
            return False

        until(dead, 30, lambda: self.unit(name))

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.base / file).read_text()
        assert old in text
        (self.base / file).write_text(text.replace(old, new))

    def restart(self, name: str) -> None:
        """As somebody at the keyboard would; whether it comes up is its own business."""
        self.ask("restart", name)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
