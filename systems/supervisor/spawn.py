"""Starting processes: plainly (fork, exec) or from a warmed interpreter (see zygote.py)."""

import asyncio
import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import StartError
from .linux import IS_LINUX, die_with, kill_one

ZYGOTE = Path(__file__).with_name("zygote.py")
WARM_UP_S = 20.0  # how long a first start waits for the shared imports
REPLY_S = 3.0
# variables an interpreter or the loader reads before the first line runs: a forked copy cannot honour them
EXEC_ONLY = frozenset(
    [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PYTHONHOME",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        "PYTHONMALLOC",
        "PYTHONDEVMODE",
        "PYTHONWARNINGS",
        "PYTHONUTF8",
        "PYTHONSTARTUP",
        "PYTHONTRACEMALLOC",
    ]
)


@dataclass(slots=True)
class Launch:
    """Everything one start needs."""

    argv: list[str]
    cwd: Path
    env: dict[str, str]
    log_fd: int
    user: str | None = None
    join: Callable[[int], None] | None = None  # puts a pid into its cgroup


def account(user: str | None) -> pwd.struct_passwd | None:
    """The user to become; None when not root (the name is then ignored) or none is asked for."""
    if user is None or os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise StartError(f"user {user!r} does not exist on this machine") from None


def _before_exec(
    parent: int | None, who: pwd.struct_passwd | None, join: Callable[[int], None] | None
) -> None:
    if join is not None:
        with contextlib.suppress(OSError):
            join(os.getpid())
    if who is not None:
        os.initgroups(who.pw_name, who.pw_gid)
        os.setgid(who.pw_gid)
        os.setuid(who.pw_uid)
    if parent is not None:
        die_with(parent, signal.SIGKILL)  # after the change of user, which would clear it


def spawn(
    launch: Launch, *, stdin: int = subprocess.DEVNULL, stderr: int | None = None, dies_with_us: bool = True
) -> int:
    """fork and exec in a session of its own; returns the pid. Raises StartError in plain words.

    The caller's SIGCHLD loop reaps it: nothing may wait on the Popen object.
    """
    who, parent = account(launch.user), os.getpid() if dies_with_us else None
    try:
        process = subprocess.Popen(
            launch.argv,
            cwd=launch.cwd,
            env=launch.env,
            stdin=stdin,
            stdout=launch.log_fd,
            stderr=launch.log_fd if stderr is None else stderr,
            start_new_session=True,
            preexec_fn=lambda: _before_exec(parent, who, launch.join),
        )
    except FileNotFoundError as exc:
        what = f"folder {launch.cwd}" if not launch.cwd.is_dir() else f"program {exc.filename}"
        raise StartError(f"{what} does not exist") from None
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        raise StartError(f"{launch.argv[0]} cannot be run: {exc}") from None
    process.returncode = 0  # keeps Popen from waiting for it behind our back
    return process.pid


class Zygote:
    """Our end of one warmed interpreter. Dead ones are replaced in the background."""

    def __init__(self, modules: list[str], user: str | None, say: Callable[..., None]) -> None:
        self.modules, self.user, self._say = modules, user, say
        self.pid: int | None = None
        self._sock: socket.socket | None = None
        self._ready: asyncio.Task[bool] | None = None
        self._lock = asyncio.Lock()
        self._lives = 0

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        argv = [sys.executable, "-P", str(ZYGOTE), str(os.getpid()), *self.modules]
        env = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if k in os.environ}
        try:
            null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            try:
                launch = Launch(argv, Path("/"), env | {"PYTHONUNBUFFERED": "1"}, null, self.user)
                self.pid = spawn(launch, stdin=theirs.fileno(), stderr=2)
            finally:
                os.close(null)
        except StartError as exc:
            self._say("warning", f"warm start is off: {exc}", warm=self.modules)
            ours.close()
            return
        finally:
            theirs.close()
        self._sock = ours
        self._lives += 1
        self._ready = asyncio.create_task(self._greet(ours))

    async def _greet(self, sock: socket.socket) -> bool:
        try:
            hello = await asyncio.wait_for(self._line(sock), WARM_UP_S)
        except (TimeoutError, OSError, ValueError):
            return False
        for module, why in hello.get("failed", {}).items():
            self._say("warning", f"{module} cannot be imported ahead: {why}")
        return bool(hello.get("ready"))

    @staticmethod
    async def _line(sock: socket.socket) -> dict[str, Any]:
        loop, data = asyncio.get_running_loop(), b""
        while not data.endswith(b"\n"):
            part = await loop.sock_recv(sock, 4096)
            if not part:
                raise OSError("the warm interpreter has gone")
            data += part
        answer: dict[str, Any] = json.loads(data)
        return answer

    def ended(self) -> None:
        """It died: close our end; the next start runs plainly while a new one warms up."""
        self.pid = None
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._ready is not None:
            self._ready.cancel()
            self._ready = None

    def stop(self) -> None:
        if self.pid is not None:
            kill_one(self.pid, signal.SIGKILL)

    async def fork(self, launch: Launch, adopt: Callable[[int], None]) -> int | None:
        """A process running `python -m MODULE` from the warmed copy, or None when a plain start is needed.

        `adopt(pid)` is called before the process runs its first line.
        """
        if self._sock is None or self._ready is None:
            if self._lives < 20:  # one that dies again and again is given up
                self.start()
            if self._lives > 1 or self._ready is None:
                return None
        elif self._lives > 1 and not self._ready.done():
            return None
        async with self._lock:
            sock = self._sock
            try:
                if sock is None or self._ready is None or not await asyncio.shield(self._ready):
                    return None
                return await asyncio.wait_for(self._request(sock, launch, adopt), REPLY_S)
            except asyncio.CancelledError:
                if asyncio.current_task() is not None and asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise
                return None
            except (TimeoutError, OSError, ValueError) as exc:
                self._say("warning", f"warm start failed, starting plainly: {exc or type(exc).__name__}")
                self.stop()
                return None

    async def _request(self, sock: socket.socket, launch: Launch, adopt: Callable[[int], None]) -> int:
        loop = asyncio.get_running_loop()
        body = json.dumps({"argv": launch.argv, "cwd": str(launch.cwd), "env": launch.env}).encode()
        go_read, go_write = os.pipe()
        try:
            try:
                socket.send_fds(sock, [len(body).to_bytes(4, "big")], [launch.log_fd, go_read])
            finally:
                os.close(go_read)
            await loop.sock_sendall(sock, body)
            answer = await self._line(sock)
            if "pid" not in answer:
                raise OSError(str(answer.get("error", "no pid")))
            pid = int(str(answer["pid"]))
            adopt(pid)
            if launch.join is not None:
                with contextlib.suppress(OSError):
                    launch.join(pid)
            os.write(go_write, b"g")
            return pid
        finally:
            os.close(go_write)


class Zygotes:
    """One warmed interpreter per distinct (warm list, user)."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._all: dict[tuple[tuple[str, ...], str | None], Zygote] = {}

    def prepare(self, modules: list[str], user: str | None) -> None:
        if modules and IS_LINUX:
            key = (tuple(modules), user if os.geteuid() == 0 else None)
            if key not in self._all:
                self._all[key] = Zygote(modules, user, self._say)
                self._all[key].start()

    def for_launch(self, modules: list[str], launch: Launch) -> Zygote | None:
        """The warmed interpreter fit for this start, if any."""
        argv = launch.argv
        if len(argv) < 3 or argv[0] != sys.executable or argv[1] != "-m" or EXEC_ONLY & set(launch.env):
            return None
        return self._all.get((tuple(modules), launch.user if os.geteuid() == 0 else None))

    def ended(self, pid: int) -> bool:
        """True when that pid was one of ours (an exit to swallow)."""
        for zygote in self._all.values():
            if zygote.pid == pid:
                zygote.ended()
                return True
        return False

    def pids(self) -> set[int]:
        return {z.pid for z in self._all.values() if z.pid is not None}

    def stop(self) -> None:
        for zygote in self._all.values():
            zygote.stop()
