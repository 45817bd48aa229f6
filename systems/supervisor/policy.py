"""When to start again, and how much memory a service may have."""

import time
from collections import deque
from collections.abc import Callable

from .config import StartError
from .memory import Cgroups, Group

BACKOFF_S = (0.0, 0.5, 1.0, 2.0)


class Retries:
    """The first retry comes at once, then with growing pauses; none after `most` failures in the window."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most, self._window_s = most, window_s
        self._failures: deque[float] = deque()
        self._tries = 0

    def forget(self) -> None:
        self._failures.clear()
        self._tries = 0

    def pause(self, counts: bool) -> float | None:
        """Seconds until the next start, None to give up. counts: was the exit a failed start?"""
        now = time.monotonic()
        while self._failures and now - self._failures[0] > self._window_s:
            self._failures.popleft()
        if not self._failures:
            self._tries = 0
        if counts:
            self._failures.append(now)
        if len(self._failures) >= self._most:
            return None
        pause = BACKOFF_S[min(self._tries, len(BACKOFF_S) - 1)]
        self._tries += 1
        return pause


class MemoryLimit:
    """One service's limit: kept by the kernel (a cgroup) where possible, else polled by the supervisor."""

    def __init__(self, name: str, limit_mb: float | None, cgroups: Cgroups) -> None:
        self._name, self._cgroups = name, cgroups
        self.limit_mb = limit_mb
        self._group: Group | None = None
        self._seen_ooms = 0

    @property
    def kind(self) -> str | None:
        if self.limit_mb is None:
            return None
        return "cgroup" if self._cgroups.usable else "supervisor"

    def _make(self) -> Group:
        if self._group is None:
            self._group = self._cgroups.group(self._name)
            self._seen_ooms = self._group.oom_kills()
        return self._group

    def prepare(self) -> Callable[[int], None] | None:
        """Before a start: the function that puts a pid under the limit, if the kernel keeps it."""
        if self.kind != "cgroup":
            return None
        try:
            self._make().limit(self.limit_mb)
        except OSError as exc:
            raise StartError(f"the memory limit cannot be set: {exc}") from None
        return self._make().join

    def change(self, limit_mb: float | None, pid: int | None) -> None:
        """Now, for the running process, and for later starts. OSError from the kernel."""
        if self._cgroups.usable and (limit_mb is not None or self._group is not None):
            self._make().limit(limit_mb)
            if pid is not None:
                self._make().join(pid)
        self.limit_mb = limit_mb

    def fresh_ooms(self) -> int:
        """How many processes the kernel has killed here since the last call."""
        if self._group is None:
            return 0
        seen = self._group.oom_kills()
        fresh, self._seen_ooms = max(0, seen - self._seen_ooms), seen
        return fresh
