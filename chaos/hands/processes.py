"""The sandbox as processes under two supervisors, with what the owner of this machine can do to them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from chaos.hands.namespace import set_loopback
from chaos.names import Names
from systems.envfile import parse_env

CALL_TIMEOUT_S = 30.0
GIVES_UP_WITHIN_S = 25.0
LOOK_S = 0.03
CPU_WINDOW_S = 0.2
COMMAND_TIMEOUT_S = 60.0
_NUMBERS = {one.name.removeprefix("SIG"): one for one in signal.Signals}


class ProcessHands:
    """`facts`: site.json with the sockets of the supervisors and the pid files of the wires. Units are asked for by
    their roles."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder, self.facts, self.names = folder, facts, Names.of(facts)

    def units(self, *, world: bool = False) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._call({"op": "status"}, world)["services"]
        return {self.names.role(unit): state for unit, state in found.items()}

    def start(self, unit: str, *, world: bool = False) -> None:
        self._call({"op": "start", "service": self.names.word(unit)}, world)

    def crash(self, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
        """The signal to each new process of the units, until the supervisor has given each up once."""
        left, until = set(units), time.monotonic() + GIVES_UP_WITHIN_S
        hit: dict[str, int] = {}
        while left and time.monotonic() < until:
            seen = self.units(world=world)
            for unit in sorted(left):
                state = seen[unit]
                if state["fatal"] or state["state"] == "FATAL":
                    left.discard(unit)
                elif (
                    state["pid"]
                    and hit.get(unit) != state["pid"]
                    and state["state"] in ("STARTING", "RUNNING")
                ):
                    hit[unit] = state["pid"]
                    _send(state["pid"], number)
            time.sleep(LOOK_S)
        if left:
            raise TimeoutError(
                f"{', '.join(sorted(left))} kept coming back; is its supervisor set to give up?"
            )

    def reload(self, unit: str, *, world: bool = False) -> None:
        self._signal(unit, signal.SIGHUP, world=world)

    def bounce(self, unit: str) -> None:
        self._signal(unit, signal.SIGTERM)

    def restart(self, unit: str) -> None:
        self._call({"op": "restart", "service": self.names.word(unit)}, world=False)

    def stop(self, unit: str) -> None:
        self._call({"op": "stop", "service": self.names.word(unit)}, world=False)

    def set_memory_limit(self, unit: str, megabytes: float | None) -> None:
        self._call({"op": "limits", "service": self.names.word(unit), "memory_mb": megabytes}, world=False)

    def strike(self, unit: str, signal: str) -> None:
        self._signal(unit, _NUMBERS[signal])

    def freeze(self, unit: str) -> None:
        self._signal(unit, signal.SIGSTOP)

    def thaw(self, unit: str) -> None:
        if self.is_frozen(unit):
            self._signal(unit, signal.SIGCONT)

    def is_frozen(self, unit: str) -> bool:
        pid = self._pid(unit)
        try:
            return pid is not None and psutil.Process(pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def write_log(self, unit: str, lines: list[str]) -> None:
        with (self.folder / "log" / f"{self.names.word(unit)}.log").open("a") as log:
            log.writelines(f"{self.names.line(line)}\n" for line in lines)

    def run_beside(self, unit: str, argv: list[str]) -> tuple[int, list[str]]:
        pid = self._pid(unit)
        if pid is None:
            raise OSError(f"{unit} does not run")
        beside, file = psutil.Process(pid), self.folder / "etc" / f"{self.names.word(unit)}.env"
        # a process that was forked off a warm one tells of the variables of that one
        own = parse_env(file.read_text()) if file.exists() else {}
        done = subprocess.run(
            argv,
            cwd=beside.cwd(),
            env={**beside.environ(), **own},
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).splitlines()

    def busy_children(self, unit: str, percent: float) -> list[str]:
        pid = self._pid(unit)
        if pid is None:
            return []
        children = psutil.Process(pid).children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.cpu_percent()
        time.sleep(CPU_WINDOW_S)
        found = []
        for child in children:
            with contextlib.suppress(psutil.Error):
                if child.cpu_percent() > percent:
                    found.append(" ".join(child.cmdline()[-2:]))
        return found

    def line(self, edge: str) -> dict[str, Any]:
        return {}

    def cut(self, edge: str) -> bool:
        return self._wire(edge, up=False)

    def mend(self, edge: str, line: dict[str, Any]) -> None:
        self._wire(edge, up=True)

    def _wire(self, edge: str, *, up: bool) -> bool:
        """The loopback of an edge's own network namespace. False when it has no namespace."""
        try:
            pid = int(Path(self.facts["wires"][edge]).read_text())
            psutil.Process(pid)
        except (FileNotFoundError, psutil.NoSuchProcess):
            return False
        set_loopback(pid, up=up)
        return True

    def _pid(self, unit: str, *, world: bool = False) -> int | None:
        state = self.units(world=world)[unit]
        return state["pid"] if state["state"] in ("RUNNING", "STARTING") else None

    def _signal(self, unit: str, number: int, *, world: bool = False) -> None:
        pid = self._pid(unit, world=world)
        if pid is not None:
            _send(pid, number)

    def _call(self, request: dict[str, Any], world: bool) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(CALL_TIMEOUT_S)
            sock.connect(self.facts["world_socket" if world else "supervisor_socket"])
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile() as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        if not answer.get("ok"):
            raise OSError(str(answer.get("error", "the supervisor refused")))
        return answer


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
