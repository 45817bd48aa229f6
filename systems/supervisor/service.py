"""One service: its state machine, its starts, stops and automatic restarts."""

import asyncio
import os
import signal
import time
from enum import StrEnum
from typing import Any

from .config import ServiceSpec, StartError, environment
from .host import Host
from .journal import open_append
from .linux import exists, is_stopped, kill_group, kill_one
from .policy import MemoryLimit, Retries
from .ready import until_ready
from .spawn import Launch, spawn

STABLE_S = 10.0  # a run longer than this clears the count of failed starts
CLEAN_S = 1.0  # exit code 0 after this long is a restart, not a failed start
KILL_WAIT_S = 5.0
LEFTOVERS_S = 2.0


class State(StrEnum):
    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    FATAL = "FATAL"
    STOPPING = "STOPPING"


class Service:
    def __init__(self, spec: ServiceSpec, host: Host) -> None:
        self.spec, self._host = spec, host
        self.state = State.STOPPED
        self.pid: int | None = None
        self.exit_code: int | None = None
        self.restarts = 0
        self.oom_kills = 0
        self.started_at: float | None = None
        self.memory = MemoryLimit(spec.name, spec.memory_limit_mb, host.cgroups)
        self.last_error = ""
        self.changed = asyncio.Event()  # replaced at each change of state
        self.last_session: int | None = None
        self._leftovers: list[int] = []  # killed, perhaps not gone yet; negative: a process group
        self._started_mono = 0.0
        self._was_ready = False
        self._over_limit = self._killed_for_memory = False  # in this run
        self._retries = Retries(spec.start_retries, spec.retry_window_s)
        self._lock = asyncio.Lock()
        self._exited = asyncio.Event()
        self._exited.set()
        self._launching: asyncio.Task[None] | None = None
        self._retry: asyncio.Task[None] | None = None
        self._readying: asyncio.Task[None] | None = None

    # ---- what others see
    @property
    def release(self) -> str | None:
        if self.spec.release is None:
            return None
        link = self.spec.release / "current"
        return link.readlink().name if link.is_symlink() else None

    def status(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "pid": self.pid,
            "exit_code": self.exit_code,
            "restarts": self.restarts,
            "started_at": self.started_at if self.pid else None,
            "fatal": self.state is State.FATAL,
            "oom_kills": self.oom_kills,
            "memory_limit_mb": self.memory.limit_mb,
            "limit_kind": self.memory.kind,
            "release": self.release,
            "log": str(self.spec.log) if self.spec.log else None,
        }

    def _to(self, state: State) -> None:
        if state is self.state:
            return
        self.state = state
        self._host.journal.write("info", "state", service=self.spec.name, state=state.value)
        self._host.emit("state", self.spec.name, pid=self.pid, exit_code=self.exit_code, state=state.value)
        self.changed.set()
        self.changed = asyncio.Event()

    async def wait_for(self, *states: State) -> State:
        while self.state not in states:
            await self.changed.wait()
        return self.state

    # ---- operations
    async def start(self) -> None:
        """Start unless it runs; clears FATAL. StartError when it could not be started."""
        async with self._lock:
            if self.pid is None:
                self._forget()
                await self._launch()
                self._raise_failed()

    async def stop(self, grace_s: float | None = None) -> None:
        """Stop signal, then after `grace_s` KILL to the whole group. Not restarted afterwards."""
        self._cancel(self._launching)
        async with self._lock:
            await self._stop(grace_s)

    async def restart(self, grace_s: float | None = None) -> None:
        self._cancel(self._launching)
        async with self._lock:
            await self._stop(grace_s)
            self._forget()
            await self._launch()
            self._raise_failed()

    def send(self, sig: int, whole_group: bool) -> bool:
        if self.pid is None:
            return False
        return kill_group(self.pid, sig) if whole_group else kill_one(self.pid, sig)

    def over_limit(self) -> None:
        """The supervisor's own memory limit was passed: kill, and remember why."""
        self._over_limit = True
        self.send(signal.SIGKILL, whole_group=True)

    def note_kernel_ooms(self) -> None:
        """Reads the cgroup's counter. The kernel counts a kill some time before its process has ended."""
        fresh = self.memory.fresh_ooms()
        self.oom_kills += fresh
        if fresh:
            self._killed_for_memory = True
            self._host.journal.write("error", "out of memory", service=self.spec.name, limit="cgroup")
            self._host.emit("oom", self.spec.name, pid=self.pid, exit_code=None, oom=True)

    # ---- inside
    @staticmethod
    def _cancel(task: asyncio.Task[None] | None) -> None:
        if task is not None and not task.done():
            task.cancel()

    def _forget(self) -> None:
        self._retries.forget()
        self.last_error = ""

    def _raise_failed(self) -> None:
        if self.last_error:
            raise StartError(self.last_error)

    async def _stop(self, grace_s: float | None) -> None:
        self._cancel(self._retry)
        if self.pid is None:
            self._to(State.STOPPED)
            return
        self._to(State.STOPPING)
        grace_s = self.spec.grace_s if grace_s is None else grace_s
        if is_stopped(self.pid):  # it cannot use the time: whoever waits for it would only wait longer
            grace_s = 0.0
        self.send(self.spec.stop_signal, whole_group=False)
        try:
            await asyncio.wait_for(self._exited.wait(), grace_s)
        except TimeoutError:
            self._host.journal.write("warning", "did not stop in time: KILL", service=self.spec.name)
            self.send(signal.SIGKILL, whole_group=True)
            await asyncio.wait_for(self._exited.wait(), KILL_WAIT_S)
        await self._leftovers_gone()

    async def _leftovers_gone(self) -> None:
        """Wait until what the last run left behind, killed at its exit, has really gone (ports, locks!)."""
        deadline = time.monotonic() + LEFTOVERS_S
        while any(map(exists, self._leftovers)) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self._leftovers = []

    async def _launch(self) -> None:
        self._launching = asyncio.create_task(self._start_process())
        await asyncio.wait({self._launching})
        if self._launching.cancelled():
            if self.pid is None:
                self._to(State.STOPPED)
        elif (error := self._launching.exception()) is not None:
            self._failed_to_start(str(error) if isinstance(error, StartError) else repr(error))

    def _prepare(self) -> Launch:
        spec = self.spec
        env = environment(spec) | {"SUPERVISOR_ID": self._host.identity}
        if not spec.cwd.is_dir():
            raise StartError(f"folder {spec.cwd} does not exist")
        join = self.memory.prepare()
        try:
            log_fd = (
                os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC) if spec.log is None else open_append(spec.log)
            )
        except OSError as exc:
            raise StartError(f"log {spec.log} cannot be opened: {exc.strerror}") from None
        return Launch(spec.command, spec.cwd, env, log_fd, spec.user, join)

    async def _start_process(self) -> None:
        self.last_error = ""
        self._to(State.STARTING)
        launch = self._prepare()
        before = self.last_session
        try:
            zygote = self._host.zygotes.for_launch(self.spec.warm, launch)
            pid = await zygote.fork(launch, self._adopt) if zygote is not None else None
            if pid is None and self.last_session == before:
                self._adopt(spawn(launch))
            elif pid is None and self.pid is not None:  # a copy that never got its orders
                kill_one(self.pid, signal.SIGKILL)
        finally:
            os.close(launch.log_fd)
        if self.pid is None:  # ended before we got here; on_exit has dealt with it
            return
        self._host.journal.write(
            "info", "started", service=self.spec.name, pid=self.pid, warm=pid is not None
        )
        self._host.emit("started", self.spec.name, pid=self.pid, exit_code=None)
        if self.spec.ready is None:
            self._now_ready()
        else:
            self._readying = asyncio.create_task(until_ready(self.spec.ready))
            self._readying.add_done_callback(lambda t: None if t.cancelled() else self._now_ready())

    def _now_ready(self) -> None:
        if self.state is State.STARTING and self.pid is not None:
            self._was_ready = True
            self._to(State.RUNNING)

    def _adopt(self, pid: int) -> None:
        self.pid, self.last_session = pid, pid
        self.started_at, self._started_mono = time.time(), time.monotonic()
        self._was_ready = self._over_limit = self._killed_for_memory = False
        self._exited.clear()
        self._host.session(pid, alive=True)
        self._host.adopt(pid, self._on_exit)

    def _on_exit(self, status: int) -> None:
        """Called by the reaper the moment the main process has ended."""
        pid, name = self.pid, self.spec.name
        assert pid is not None
        self.exit_code = os.waitstatus_to_exitcode(status)
        self.pid = None
        self._cancel(self._readying)
        kill_group(pid, signal.SIGKILL)
        self._leftovers = [-pid, *self._host.kill_orphans(name)]
        self._host.session(pid, alive=False)
        self.note_kernel_ooms()
        oom = self._killed_for_memory or self._over_limit
        if self._over_limit:
            self.oom_kills += 1
            self._host.emit("oom", name, pid=pid, exit_code=self.exit_code, oom=True)
        level = "info" if self.state is State.STOPPING else "warning"
        self._host.journal.write(level, "exit", service=name, pid=pid, exit_code=self.exit_code, oom=oom)
        self._host.emit("exit", name, pid=pid, exit_code=self.exit_code, oom=oom)
        self._exited.set()
        if self.state is State.STOPPING or not self.spec.autorestart:
            self._to(State.STOPPED)
            return
        ran = time.monotonic() - self._started_mono
        if ran > STABLE_S:
            self._forget()
        clean = self.exit_code == 0 and ran >= CLEAN_S and self._was_ready
        self._again(counts=ran <= STABLE_S and not clean)

    def _failed_to_start(self, why: str) -> None:
        self.last_error = why
        self._host.journal.write("error", f"cannot start: {why}", service=self.spec.name)
        self._host.journal.write_for_service(self.spec.log, self.spec.name, f"cannot start: {why}")
        if self.spec.autorestart:
            self._again(counts=True)
        else:
            self._to(State.STOPPED)

    def _again(self, counts: bool) -> None:
        """Plan the next start: at once, after a pause, or never (FATAL)."""
        pause = self._retries.pause(counts)
        if pause is None:
            self._to(State.FATAL)
            self._host.journal.write("error", "gave up", service=self.spec.name, exit_code=self.exit_code)
            self._host.emit("fatal", self.spec.name, pid=None, exit_code=self.exit_code)
            return
        self._to(State.BACKOFF)
        self._retry = asyncio.create_task(self._retry_after(pause))

    async def _retry_after(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async with self._lock:
            await self._leftovers_gone()
            if self.state is State.BACKOFF:
                self.restarts += 1
                await self._launch()
