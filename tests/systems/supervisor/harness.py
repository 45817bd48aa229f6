"""Starts a real supervisor in a temporary folder and talks to it; everything waits for events, never sleeps."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 30.0  # only ever reached by a test that fails
SLEEPER = ["{python}", "-c", "import signal; print('up', flush=True); signal.pause()"]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def eventually(check: Callable[[], Any], what: str = "") -> Any:
    """Polls for facts of the kernel that no event tells (a pid gone, a folder removed)."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if value := check():
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen: {what or check}")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Client:
    """One connection of line JSON."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            self.sock.connect(path.name)
        finally:
            os.chdir(here)
        self.file = self.sock.makefile("rb")

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        return self.raw(json.dumps({"op": op} | fields).encode() + b"\n")

    def raw(self, data: bytes) -> dict[str, Any]:
        self.sock.sendall(data)
        return self.read()

    def read(self) -> dict[str, Any]:
        line = self.file.readline()
        assert line, "the supervisor closed the connection"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def until(self, **wanted: Any) -> dict[str, Any]:
        """The next event with these fields."""
        while True:
            event = self.read()
            if all(event.get(k) == v for k, v in wanted.items()):
                return event

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def reach(path: Path) -> Client | None:
    """A connection; None while nobody listens there, which is still so for a moment after the socket has appeared."""
    try:
        return Client(path)
    except OSError:
        return None


class Running:
    """A supervisor of its own. `services` as in processes.yaml."""

    def __init__(self, base: Path, services: dict[str, Any], **top: Any) -> None:
        self.base = base
        self.file = base / "processes.yaml"
        self.file.write_text(yaml.safe_dump({"directory": str(base), "services": services} | top))
        self.socket = base / str(top.get("socket", "run/supervisor.sock"))
        self.err = (base / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "systems.supervisor", str(self.file)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=self.err,
        )  # fmt: skip
        self._clients: list[Client] = []
        eventually(lambda: self.process.poll() is not None or self._answers(), "the supervisor answers")
        assert self.process.poll() is None, (base / "stderr").read_text()

    def _answers(self) -> bool:
        client = reach(self.socket)
        if client is None:
            return False
        try:
            return client.ask("ping")["pid"] == self.process.pid
        except (OSError, AssertionError):
            return False
        finally:
            client.close()

    def client(self) -> Client:
        self._clients.append(Client(self.socket))
        return self._clients[-1]

    def ask(self, op: str, service: str | None = None, **fields: Any) -> dict[str, Any]:
        client = Client(self.socket)
        try:
            return client.ask(op, **({"service": service} if service else {}), **fields)
        finally:
            client.close()

    def events(self) -> Client:
        client = self.client()
        assert client.ask("subscribe")["ok"]
        return client

    def status(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("status")["services"][service]
        return found

    def reach(self, service: str, state: str) -> dict[str, Any]:
        """The status once the service is in this state (by event)."""
        events = Client(self.socket)
        try:
            events.ask("subscribe")
            while (now := self.status(service))["state"] != state:
                events.until(event="state", service=service, state=state)
            return now
        finally:
            events.close()

    def own_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.base / "log/supervisor.log").read_text().splitlines()]

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
        self.err.close()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


def readable(sock: socket.socket, timeout_s: float) -> bool:
    return bool(select.select([sock], [], [], timeout_s)[0])
