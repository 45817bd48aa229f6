"""Talks to a supervisor over its unix socket: one JSON object a line, request and answer."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .layout import answers, answers_tcp


class Control:
    """`path` is the supervisor's socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def alive(self) -> bool:
        return answers(self.path)

    def call(self, op: str, **fields: Any) -> dict[str, Any]:
        """One operation; OSError when the supervisor does not answer, RuntimeError when it refuses."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(60)
            sock.connect(str(self.path))
            sock.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            with sock.makefile() as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        if not answer.get("ok"):
            raise RuntimeError(str(answer.get("error", "refused")))
        return answer

    def services(self) -> list[str]:
        return list(self.call("status")["services"])

    def restart_only(self, names: list[str]) -> list[str]:
        for name in names:
            self.call("restart", service=name, grace_s=2)
        return names

    def restart_and_wait(self, name: str, port: int, timeout_s: float = 20.0) -> list[str]:
        """Restart one service and wait until its port answers; RuntimeError when it does not."""
        self.restart_only([name])
        until = time.monotonic() + timeout_s
        while not answers_tcp(port):
            if time.monotonic() > until:
                raise RuntimeError(f"{name} did not come back after its restart")
            time.sleep(0.05)
        return [name]

    def restart_all(self, net: str, skip: list[str] | None = None) -> list[str]:
        """All but `skip`, side by side; `net`, the network, first, because everything else stands on it."""
        names = [name for name in self.services() if name not in (skip or [])]
        first = [name for name in names if name == net]
        rest = [name for name in names if name != net]
        self.restart_only(first)
        with ThreadPoolExecutor(max_workers=8) as workers:
            list(workers.map(lambda name: self.restart_only([name]), rest))
        return first + rest
