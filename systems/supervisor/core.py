"""The supervisor: reaps children, starts in order, keeps limits, stops in reverse."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from .config import Config, StartError
from .journal import Journal
from .linux import IS_LINUX, become_subreaper, kill_one
from .memory import Cgroups, rss_mb
from .server import Server
from .service import Service, State
from .settled import Specs
from .spawn import Launch, Zygotes, spawn

KEEPER = Path(__file__).with_name("keeper.py")
LIMIT_POLL_S = 0.25
OOM_POLL_S = 1.0
AFTER_WAIT_S = 60.0
STOP_WAIT_S = 60.0


class Supervisor:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.identity = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.journal = Journal(config.log)
        self.cgroups = Cgroups()
        self.zygotes = Zygotes(self._say)
        self._children: dict[int, Callable[[int], None]] = {}
        self._unclaimed: dict[int, int] = {}  # exits of processes nobody has adopted yet
        self._keeper: tuple[int, int] | None = None  # pid, pipe
        self._sessions: set[int] = set()
        self._stopping = asyncio.Event()
        self._closed = False
        self.services = {name: Service(spec, self) for name, spec in config.services.items()}
        self.specs = Specs(config)
        self.server = Server(self)

    def _say(self, level: str, msg: str, **extra: Any) -> None:
        self.journal.write(level, msg, **extra)

    # ---- what services use (the Host protocol)
    def adopt(self, pid: int, on_exit: Callable[[int], None]) -> None:
        self._children[pid] = on_exit
        status = self._unclaimed.pop(pid, None)
        if status is not None:
            asyncio.get_running_loop().call_soon(self._ended, pid, status)

    def emit(self, event: str, service: str, **extra: Any) -> None:
        self.server.publish(event, service, extra)

    def session(self, pid: int, alive: bool) -> None:
        (self._sessions.add if alive else self._sessions.discard)(pid)
        self._tell_keeper(f"{'session' if alive else 'over'} {pid}\n")

    def kill_orphans(self, service: str) -> list[int]:
        """End what a dead service left behind outside its process group (it has fallen to us); their pids."""
        killed = []
        for child in _children_of(os.getpid()):
            if self._known(child):
                continue
            owner = self._owner(child)
            if (owner is None or owner == service) and kill_one(child, signal.SIGKILL):
                killed.append(child)
        return killed

    def _known(self, pid: int) -> bool:
        keeper = self._keeper[0] if self._keeper else None
        return pid in self._children or pid in self.zygotes.pids() or pid == keeper

    def _owner(self, pid: int) -> str | None:
        """Whose is this orphan? By its environment, else by its session; None when neither says."""
        with contextlib.suppress(OSError):
            for item in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if item.startswith(b"SUPERVISOR_SERVICE="):
                    return item.partition(b"=")[2].decode(errors="replace")
        with contextlib.suppress(OSError):
            session = os.getsid(pid)
            for name, service in self.services.items():
                if session in (service.pid, service.last_session):
                    return name
        return None

    # ---- reaping
    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        on_exit = self._children.pop(pid, None)
        if on_exit is not None:
            on_exit(status)
        elif self.zygotes.ended(pid):
            self.journal.write("warning", "a warm interpreter ended", pid=pid)
        elif self._keeper is not None and pid == self._keeper[0]:
            os.close(self._keeper[1])
            self._keeper = None
            if not self._closed:
                self._start_keeper()
        else:
            if len(self._unclaimed) > 256:
                self._unclaimed.clear()
            self._unclaimed[pid] = status

    # ---- the keeper (see keeper.py)
    def _start_keeper(self) -> None:
        if not IS_LINUX:
            return
        read_end, write_end = os.pipe()
        base = str(self.cgroups.base or "")
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        argv = [sys.executable, "-ISP", str(KEEPER), self.identity, base]
        try:
            launch = Launch(argv, Path("/"), {}, null)
            pid = spawn(launch, stdin=read_end, dies_with_us=False)
        except StartError as exc:
            self.journal.write("warning", f"no keeper: {exc}")
            os.close(write_end)
            return
        finally:
            os.close(null)
            os.close(read_end)
        os.set_blocking(write_end, False)
        self._keeper = (pid, write_end)
        for session in self._sessions:
            self._tell_keeper(f"session {session}\n")

    def _tell_keeper(self, line: str) -> None:
        if self._keeper is not None:
            with contextlib.suppress(OSError):
                os.write(self._keeper[1], line.encode())

    # ---- the life of the supervisor
    async def run(self, parent: int | None = None, leash: int | None = None) -> None:
        """Until SIGTERM or SIGINT. With `parent`, until that process has ended; with `leash`, a pipe's descriptor,
        until nobody holds its other end."""
        become_subreaper()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopping.set)
        await self.server.open()
        self._start_keeper()
        self.journal.write("info", "supervisor started", pid=os.getpid(), services=len(self.services))
        for spec in self.config.services.values():
            self.zygotes.prepare(spec.warm, spec.user)
        tasks = [asyncio.create_task(self._limits())]
        tasks += [
            asyncio.create_task(self._first_start(s)) for s in self.services.values() if s.spec.autostart
        ]
        if parent is not None:
            tasks.append(asyncio.create_task(self._watch_parent(parent)))
        if leash is not None:
            os.set_inheritable(leash, False)
            loop.add_reader(leash, self._stopping.set)
        await self._stopping.wait()
        if leash is not None:
            loop.remove_reader(leash)
        for task in tasks:
            task.cancel()
        await self._close()

    async def _watch_parent(self, parent: int) -> None:
        """Stops everything when the process that started us ends (pidfd; a poll where there is none)."""
        loop = asyncio.get_running_loop()
        if os.getppid() != parent:
            self._stopping.set()
            return
        try:
            fd = os.pidfd_open(parent)
        except (AttributeError, OSError):
            while os.getppid() == parent:  # noqa: ASYNC110 - no event to wait for on this system
                await asyncio.sleep(0.5)
            self._stopping.set()
            return
        loop.add_reader(fd, self._stopping.set)
        if os.getppid() != parent:
            self._stopping.set()

    async def _first_start(self, service: Service) -> None:
        for name in service.spec.after:
            other = self.services[name]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(other.wait_for(State.RUNNING, State.FATAL), AFTER_WAIT_S)
            if other.state is not State.RUNNING:
                self.journal.write("warning", f"not waiting for {name} any longer", service=service.spec.name)
        if service.state is State.STOPPED:
            with contextlib.suppress(StartError):
                await service.start()

    async def _limits(self) -> None:
        """Our own memory limit where there is no cgroup; a look at the kernel's counters where there is."""
        tick = 0
        while True:
            await asyncio.sleep(LIMIT_POLL_S)
            tick += 1
            own = [s for s in self.services.values() if s.pid and s.memory.kind == "supervisor"]
            if own:
                sessions = _by_session()
                for service in own:
                    limit = service.memory.limit_mb
                    if service.pid and limit and rss_mb(sessions.get(service.pid, [])) > limit:
                        self.journal.write(
                            "error", "over its memory limit", service=service.spec.name, limit="supervisor"
                        )
                        service.over_limit()
            if tick % round(OOM_POLL_S / LIMIT_POLL_S) == 0:
                for service in self.services.values():
                    if service.pid:
                        service.note_kernel_ooms()

    async def _close(self) -> None:
        self._closed = True
        self.journal.write("info", "supervisor stopping")
        await asyncio.gather(*(self._stop_in_order(n) for n in self.services), return_exceptions=True)
        self.zygotes.stop()
        keeper = self._keeper[0] if self._keeper else None
        for _ in range(200):  # an adopted process may have children of its own
            others = [child for child in _children_of(os.getpid()) if child != keeper]
            if not others:
                break
            for child in others:
                kill_one(child, signal.SIGKILL)
            await asyncio.sleep(0.01)
        await self.server.close()
        self.cgroups.close()
        self.journal.write("info", "supervisor stopped")

    async def _stop_in_order(self, name: str) -> None:
        users = [s for s in self.services.values() if name in s.spec.after]
        for user in users:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(user.wait_for(State.STOPPED), STOP_WAIT_S)
        try:
            await self.services[name].stop()
        except TimeoutError:
            self.journal.write("error", "cannot be killed", service=name)


def _children_of(parent: int) -> list[int]:
    """Pids whose parent is `parent`; on Linux one quick pass over /proc."""
    if not IS_LINUX:
        return [p.pid for p in psutil.Process(parent).children()]
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - plain names are quicker here
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                stat = Path(f"/proc/{name}/stat").read_bytes()
                if int(stat.rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(name))
    return found


def _by_session() -> dict[int, list[int]]:
    table: dict[int, list[int]] = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            table.setdefault(os.getsid(pid), []).append(pid)
    return table
