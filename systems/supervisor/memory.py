"""Memory limits: a cgroup (v1 or v2) when we may write one; else we look at the RSS ourselves."""

import contextlib
import errno
import os
import time
from pathlib import Path

import psutil

CGROUP_ROOT = Path("/sys/fs/cgroup")
PREFIX = "supervisor-"


def _own(controller: str) -> Path | None:
    """Path of our own cgroup below the controller's mount, from /proc/self/cgroup."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, names, path = line.split(":", 2)
        if controller in names.split(",") if controller else not names:
            return Path(path.lstrip("/"))
    return None


class Group:
    """One service's cgroup. Every method may raise OSError."""

    def __init__(self, path: Path, version: int) -> None:
        self.path, self.version = path, version

    @property
    def procs(self) -> Path:
        return self.path / "cgroup.procs"

    def limit(self, memory_mb: float | None) -> None:
        size = -1 if memory_mb is None else int(memory_mb * 1024 * 1024)
        if self.version == 2:
            (self.path / "memory.max").write_text("max" if size < 0 else str(size))
            swap = self.path / "memory.swap.max"
            if swap.exists():
                swap.write_text("max" if size < 0 else "0")
            return
        names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        for attempt in (
            names,
            names[::-1],
        ):  # memsw must never be below the plain limit: order depends on direction
            try:
                for name in attempt:
                    if (self.path / name).exists():
                        (self.path / name).write_text(str(size))
                return
            except OSError as exc:
                if attempt is not names or exc.errno not in (errno.EINVAL, errno.EBUSY):
                    raise

    def join(self, pid: int) -> None:
        self.procs.write_text(str(pid))

    def oom_kills(self) -> int:
        try:
            text = (self.path / ("memory.events" if self.version == 2 else "memory.oom_control")).read_text()
        except OSError:
            return 0
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
        return 0

    def remove(self) -> None:
        for _ in range(20):  # the last member may still be on its way out
            try:
                self.path.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.01)


class Cgroups:
    """Makes groups under `<own cgroup>/supervisor-PID/`.

    `usable` is False when we may not (or must not: SUPERVISOR_NO_CGROUP=1).
    """

    def __init__(self) -> None:
        self.base: Path | None = None
        self.version = 0
        if os.geteuid() == 0 and not os.environ.get("SUPERVISOR_NO_CGROUP"):
            self._find()

    @property
    def usable(self) -> bool:
        return self.base is not None

    def _find(self) -> None:
        v1, v2 = CGROUP_ROOT / "memory", CGROUP_ROOT
        if (v1 / "memory.limit_in_bytes").exists() or (v1 / "cgroup.procs").exists():
            roots, self.version, own = v1, 1, _own("memory")
        elif (v2 / "cgroup.controllers").exists():
            roots, self.version, own = v2, 2, _own("")
        else:
            return
        for parent in dict.fromkeys([roots / own if own is not None else roots, roots]):
            if parent.is_dir() and self._try(parent):
                return

    def _try(self, parent: Path) -> bool:
        sweep_stale(parent)
        base = parent / f"{PREFIX}{os.getpid()}"
        try:
            base.mkdir(exist_ok=True)
            if self.version == 2:
                for folder in (parent, base):
                    if "memory" not in (folder / "cgroup.subtree_control").read_text().split():
                        (folder / "cgroup.subtree_control").write_text("+memory")
            probe = base / "probe"
            probe.mkdir(exist_ok=True)
            works = (probe / ("memory.max" if self.version == 2 else "memory.limit_in_bytes")).exists()
            probe.rmdir()
        except OSError:
            works = False
        if works:
            self.base = base
        elif base.is_dir():
            Group(base, self.version).remove()
        return works

    def group(self, name: str) -> Group:
        if self.base is None:
            raise OSError("no writable cgroup")
        path = self.base / name
        path.mkdir(exist_ok=True)
        return Group(path, self.version)

    def close(self) -> None:
        if self.base is not None:
            for child in [p for p in self.base.iterdir() if p.is_dir()] if self.base.is_dir() else []:
                Group(child, self.version).remove()
            Group(self.base, self.version).remove()


def sweep_stale(parent: Path) -> None:
    """Remove groups a killed supervisor left behind (only empty ones can be removed)."""
    for old in parent.glob(f"{PREFIX}*"):
        pid = old.name.removeprefix(PREFIX)
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            for child in [p for p in old.iterdir() if p.is_dir()]:
                Group(child, 1).remove()
            Group(old, 1).remove()


def rss_mb(pids: list[int]) -> float:
    """Resident memory of these processes together, in MB (shared pages counted in each)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total / 1024 / 1024
