"""The process driver: a client of systems.supervisor's unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from systems.logs.tails import Chunk, Place, read_since
from systems.supervisor.linux import short_socket_path

from .base import (
    ExecResult,
    Lines,
    NotRunning,
    RuntimeError_,
    RuntimeEvent,
    RuntimeFailed,
    Said,
    Setting,
    Specs,
    StaleFence,
    Units,
    UnitState,
    UnitStats,
)
from .proctable import ProcTable

TIMEOUT_S = 2.0  # an answer that needs no waiting
GRACE_DEFAULT_S = 30.0  # allowance when the supervisor's own grace_s applies
START_S = 25.0  # a start may wait for a warm interpreter
TAIL_MAX = 1024 * 1024  # bytes of a log read for its tail
EVENT_LINE_MAX = 1024 * 1024
KNOWN_FOR_S = 0.5  # how long a listing serves stats() and logs()
RECONNECT_S = (0.05, 0.1, 0.25, 0.5, 1.0)
# the supervisor's codes for what a caller may want to tell from any other refusal
REFUSALS: dict[str, type[RuntimeError_]] = {"stale_fence": StaleFence, "not_running": NotRunning}
_FIELDS = UnitState.__dataclass_fields__


def _unit_state(name: str, raw: Mapping[str, Any]) -> UnitState:
    return UnitState(unit=name, **{k: v for k, v in raw.items() if k in _FIELDS and k != "unit"})


class ProcessRuntime:
    """options: {socket: path}, relative to base_dir. Makes one short connection per call."""

    driver = "process"
    here = True

    def __init__(self, options: Mapping[str, Any], base_dir: Path) -> None:
        if not options.get("socket"):
            raise RuntimeFailed(
                "runtime.socket: the process driver needs the path of the supervisor's socket"
            )
        self.socket = Path(os.path.normpath(Path(base_dir) / str(options["socket"])))
        self.base_dir = Path(base_dir)
        self._table = ProcTable()
        self._known: dict[str, dict[str, Any]] = {}
        self._known_at = 0.0

    # ---- the wire
    def _ask(self, op: str, patience_s: float = TIMEOUT_S, /, **fields: Any) -> dict[str, Any]:
        request = {"op": op} | {k: v for k, v in fields.items() if v is not None or k == "memory_mb"}
        data = b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(TIMEOUT_S)
                with short_socket_path(self.socket) as address:
                    sock.connect(address)
                sock.sendall(json.dumps(request).encode() + b"\n")
                sock.settimeout(patience_s)
                while not data.endswith(b"\n"):
                    part = sock.recv(65536)
                    if not part:
                        raise ConnectionError("it closed the connection")
                    data += part
            answer: dict[str, Any] = json.loads(data)
        except (OSError, ValueError) as exc:
            why = "no answer in time" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
            raise RuntimeFailed(f"the supervisor at {self.socket} does not answer ({op}): {why}") from exc
        if not answer.get("ok"):
            text = str(answer.get("error", "refused without a reason"))
            raise REFUSALS.get(str(answer.get("code")), RuntimeFailed)(text)
        return answer

    def _status(self) -> dict[str, dict[str, Any]]:
        self._known = self._ask("status")["services"]
        self._known_at = time.monotonic()
        return self._known

    def _one(self, unit: str, fresh: bool = True) -> dict[str, Any]:
        known = self._known
        if fresh or unit not in known or time.monotonic() - self._known_at > KNOWN_FOR_S:
            known = self._status()
        if unit not in known:
            raise RuntimeFailed(f"there is no unit {unit!r} at {self.socket}: there are {', '.join(known)}")
        return known[unit]

    def _act(self, op: str, unit: str, fence: int | None, patience_s: float = TIMEOUT_S, **more: Any) -> None:
        self._known_at = 0.0
        try:
            self._ask(op, patience_s, service=unit, fence=fence, **more)
        finally:
            self._known_at = 0.0

    # ---- units
    def list(self) -> Units:
        return [_unit_state(name, raw) for name, raw in self._status().items()]

    def state(self, unit: str) -> UnitState:
        return _unit_state(unit, self._one(unit))

    def specs(self) -> Specs:
        """What the supervisor has loaded; what its file says by now is to come, when the supervisor starts anew."""
        told = self._ask("specs")
        loaded, written = told["specs"], told["written"]
        return {unit: _settings(loaded[unit], written.get(unit, {})) for unit in loaded}

    def start(self, unit: str, fence: int | None = None) -> UnitState:
        self._act("start", unit, fence, START_S)
        return self.state(unit)

    def stop(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        self._act("stop", unit, fence, _patience(grace_s), grace_s=grace_s)
        return self.state(unit)

    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        self._act("restart", unit, fence, _patience(grace_s) + START_S, grace_s=grace_s)
        return self.state(unit)

    def kill(self, unit: str, fence: int | None = None) -> None:
        self._act("kill", unit, fence)

    def signal(self, unit: str, sig: str, fence: int | None = None) -> None:
        self._act("signal", unit, fence, signal=sig)

    def pause(self, unit: str, fence: int | None = None) -> None:
        self._act("pause", unit, fence)

    def resume(self, unit: str, fence: int | None = None) -> None:
        self._act("resume", unit, fence)

    def exec(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult:
        answer = self._ask(
            "exec", timeout_s + 5.0, service=unit, argv=[*argv], timeout_s=timeout_s, fence=fence
        )
        return ExecResult(answer["code"], answer["out"], answer["err"], bool(answer.get("timed_out")))

    def limits(self, unit: str, memory_mb: float | None, fence: int | None = None) -> UnitState:
        self._act("limits", unit, fence, memory_mb=memory_mb)
        return self.state(unit)

    def release(self, unit: str, version: str, fence: int | None = None) -> UnitState:
        self._act("release", unit, fence, _patience(None) + START_S, version=version)
        return self.state(unit)

    def scale(self, unit: str, n: int, fence: int | None = None) -> Units:
        """Not here: two processes of one configuration would want the same port."""
        self._one(unit)
        raise RuntimeFailed(
            f"{unit} is one process and cannot be {n} of them: give each replica a service of its own in the "
            "supervisor's file, with its own port, and name it in the manifest and in the proxy's pool"
        )

    # ---- measurements
    def stats(self, unit: str) -> UnitStats | None:
        """None when the unit is not running."""
        pid = self._one(unit, fresh=False)["pid"]
        found = self._table.stats(pid) if pid else None
        if found is None and pid:  # restarted since the listing?
            pid = self._one(unit)["pid"]
            found = self._table.stats(pid) if pid else None
        return found

    def nearby(self, unit: str) -> bool:
        """Always: the supervisor answers at a socket of this machine."""
        return True

    def logs(self, unit: str, tail: int = 100) -> Lines:
        """The last `tail` lines of the unit's output (at most 1 MB), oldest first."""
        path = self._one(unit, fresh=False).get("log")
        if not path or tail < 1:
            return []
        try:
            with Path(path).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_MAX))
                text = file.read(TAIL_MAX).decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise RuntimeFailed(f"the log of {unit} cannot be read: {exc}") from exc
        lines = text.split("\n")
        if size > TAIL_MAX:
            lines = lines[1:]
        return (lines[:-1] if lines and not lines[-1] else lines)[-tail:]

    def logs_since(self, unit: str, cursor: str | None) -> tuple[Said, str]:
        """The cursor is a place in the unit's log file. What is not a whole line yet is not said yet."""
        path = self._one(unit, fresh=False).get("log")
        if not path:
            return {"": Chunk()}, cursor or ""
        try:
            chunk, place = read_since(Path(path), None if cursor is None else Place.of(cursor))
        except (OSError, ValueError, TypeError) as exc:
            raise RuntimeFailed(f"the log of {unit} cannot be read: {exc}") from exc
        return {"": chunk}, place.text()

    # ---- events
    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Pushed events, for ever; after a lost connection `state` events tell what changed meanwhile."""
        seen: dict[str, tuple[str, int | None]] | None = None
        failures = 0
        while True:
            try:
                reader, writer = await self._subscribe()
            except (OSError, ValueError):
                await asyncio.sleep(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
                failures += 1
                continue
            failures = 0
            try:
                with contextlib.suppress(RuntimeFailed):
                    now = {u.unit: u for u in await asyncio.to_thread(self.list)}
                    for unit in now.values():
                        if seen is not None and seen.get(unit.unit) != (unit.state, unit.pid):
                            yield RuntimeEvent(
                                "state", unit.unit, unit.pid, unit.exit_code, time.time(), state=unit.state
                            )
                    seen = {u.unit: (u.state, u.pid) for u in now.values()}
                while line := await reader.readline():
                    event = _event(json.loads(line))
                    if event.kind == "state" and seen is not None:
                        seen[event.unit] = (event.state, event.pid)
                    self._known_at = 0.0
                    yield event
            except (OSError, ValueError):
                pass
            finally:
                writer.close()

    async def _subscribe(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with short_socket_path(self.socket) as address:
            reader, writer = await asyncio.wait_for(
                asyncio.open_unix_connection(address, limit=EVENT_LINE_MAX), TIMEOUT_S
            )
        try:
            writer.write(b'{"op": "subscribe"}\n')
            hello = json.loads(await asyncio.wait_for(reader.readline(), TIMEOUT_S))
            if not hello.get("ok"):
                raise OSError(str(hello.get("error")))
        except BaseException:
            writer.close()
            raise
        return reader, writer


def _settings(loaded: Mapping[str, str], written: Mapping[str, str]) -> dict[str, Setting]:
    return {
        name: Setting(
            loaded.get(name, ""),
            written.get(name, "") if written.get(name) != loaded.get(name) else None,
        )
        for name in (*loaded, *written)
    }


def _patience(grace_s: float | None) -> float:
    return (GRACE_DEFAULT_S if grace_s is None else grace_s) + 10.0


def _event(raw: Mapping[str, Any]) -> RuntimeEvent:
    return RuntimeEvent(
        kind=str(raw["event"]),
        unit=str(raw["service"]),
        pid=raw.get("pid"),
        exit_code=raw.get("exit_code"),
        at=float(raw.get("at", 0.0)),
        oom=bool(raw.get("oom")),
        state=str(raw.get("state", "")),
    )
