"""The launcher's children: started, watched, restarted with backoff, given up loudly, stopped in order."""

import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from opsportal.local import rotation
from opsportal.local.account import Account
from opsportal.local.child import spawn, stop, tail
from opsportal.local.errors import LocalError

_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S, _STABLE_S = 0.5, 15.0, 60.0
_HOPELESS = 4  # exits in a row before the portal was ever ready
_GIVE_UP = 10  # exits in a row afterwards


@dataclass
class Child:
    """One process to keep alive. `stop_rank`: lower ranks stop first, equal ones together. Without one that is `vital`
    the portal cannot start. `keep_fds`: descriptors of ours that it inherits."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str] | None
    log: Path
    stop_rank: int
    grace_s: float = 5.0
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals | None = signal.SIGTERM
    cwd: Path | str | None = None
    user: Account | None = None
    keep_fds: Sequence[int] = ()
    vital: bool = True
    process: subprocess.Popen[bytes] | None = None
    started_at: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)
    retry_at: float | None = field(default=None, init=False)
    given_up: str = field(default="", init=False)  # why nobody starts it any more

    def start(self) -> None:
        """OSError when there is no process to be had."""
        self.started_at = time.monotonic()
        self.process = spawn(
            self.argv,
            env=self.env,
            log=self.log,
            cwd=self.cwd,
            user=self.user,
            death_signal=self.death_signal,
            keep_fds=self.keep_fds,
        )
        self.retry_at = None

    def note_exit(self) -> float:
        """Plan the restart; returns the pause in seconds."""
        if time.monotonic() - self.started_at > _STABLE_S:
            self.failures = 0
        pause: float = min(_FIRST_BACKOFF_S * 2**self.failures, _LONGEST_BACKOFF_S)
        self.failures += 1
        self.retry_at = time.monotonic() + pause
        return pause


class Family:
    """All children of the launcher. Use from the main thread only."""

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._say = say
        self._changed = changed
        self._children: list[Child] = []
        self._rotated = time.monotonic()
        self.settled = False  # True once the portal was ready: from then on a part that ends stops no other
        self._wake, self._waker = socket.socketpair()
        for end in (self._wake, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def add(self, child: Child) -> Child:
        """One that has its process already is taken over."""
        if child.process is None:
            child.start()
        else:
            child.started_at = time.monotonic()
        self._children.append(child)
        self._changed()
        return child

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or at once when a child ends; restart what is due, and put long logs aside."""
        now = time.monotonic()
        due = [c.retry_at - now for c in self._children if c.retry_at is not None and not c.given_up]
        select.select([self._wake], [], [], max(0.0, min([seconds, *due])))
        try:
            while self._wake.recv(512):
                pass
        except BlockingIOError:
            pass
        self._reap()
        if time.monotonic() - self._rotated > rotation.EVERY_S:
            self._rotated = time.monotonic()
            self._rotate()

    def _rotate(self) -> None:
        for log in {child.log for child in self._children}:
            try:
                rotation.rotate(log, rotation.MOST)
            except OSError as error:
                self._say(f"{log.name} is long and stays so: {error}")

    def _reap(self) -> None:
        for child in self._children:
            if child.given_up:
                continue
            if child.retry_at is None:
                if child.process is not None and child.process.poll() is not None:
                    code = child.process.returncode
                    self._mourn(child, f"signal {-code}" if code < 0 else f"code {code}", tail(child.log))
            elif child.retry_at <= time.monotonic():
                self._start_again(child)

    def _start_again(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:  # no memory or no process to be had just now
            self._mourn(child, "not started", str(error))
        self._changed()

    def _mourn(self, child: Child, how: str, last: str) -> None:
        pause = child.note_exit()
        if not self.settled and child.vital and child.failures >= _HOPELESS:
            raise LocalError(f"{child.name} does not start ({how}): {last} (log: {child.log})")
        why = f": {last}" if last else ""
        if child.failures < _GIVE_UP:
            self._say(f"{child.name} ended ({how}), starting it again in {pause:.1f} s{why}")
            return
        child.given_up = f"ended {child.failures} times in a row ({how}){why}"
        self._say(
            f"GIVEN UP: {child.name} {child.given_up}. The other parts go on without it; "
            f"mend it and start again (log: {child.log})"
        )
        self._changed()

    def given_up(self) -> dict[str, str]:
        """{name: why} of those that nobody starts any more, for the run file."""
        return {child.name: child.given_up for child in self._children if child.given_up}

    def describe(self) -> dict[str, Any]:
        """{name: {pid, started_at}} of the living, for the run file."""
        found = {}
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                started = psutil.Process(child.process.pid).create_time()
                found[child.name] = {"pid": child.process.pid, "started_at": started}
        return found

    def stop(self) -> None:
        """Stop all, lowest rank first; children of one rank get their signal together."""
        for rank in sorted({child.stop_rank for child in self._children}):
            group = [child for child in self._children if child.stop_rank == rank and child.process]
            for child in group:
                if child.process and child.process.poll() is None:
                    child.process.send_signal(child.stop_signal)
            for child in group:
                if child.process and not stop(child.process, child.stop_signal, child.grace_s):
                    self._say(f"{child.name} did not stop in {child.grace_s:.0f} s and was killed")
        self._children.clear()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._wake.close()
        self._waker.close()
