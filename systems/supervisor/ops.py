"""The operations of the socket. Each takes the request and returns the answer's extra fields."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from .config import Config, StartError, environment
from .host import Host
from .linux import kill_group, parse_signal
from .service import Service
from .settled import Specs
from .spawn import Launch, spawn

OUTPUT_MAX = 64 * 1024  # bytes of each of stdout and stderr
EXEC_TIMEOUT_S = 30.0
VERSION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,100}$")
Request = dict[str, Any]
Answer = dict[str, Any]


class Supervisor(Host, Protocol):
    """What the operations and the socket need of the supervisor."""

    config: Config
    services: dict[str, Service]
    specs: Specs


class OpError(Exception):
    """Refused; the text goes to the client."""

    code = "failed"


class StaleFenceError(OpError):
    code = "stale_fence"


class NotRunning(OpError):
    code = "not_running"


def _seconds(request: Request, key: str, default: float | None = None) -> float | None:
    value = request.get(key, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:
        raise OpError(f"{key}: must be seconds between 0 and 3600, not {value!r}")
    return float(value)


def _running(service: Service) -> int:
    if service.pid is None:
        raise NotRunning(f"{service.spec.name} is not running ({service.state.value})")
    return service.pid


async def _start(_: Supervisor, service: Service, request: Request) -> Answer:
    await service.start()
    return service.status()


async def _stop(_: Supervisor, service: Service, request: Request) -> Answer:
    await service.stop(_seconds(request, "grace_s"))
    return service.status()


async def _restart(_: Supervisor, service: Service, request: Request) -> Answer:
    await service.restart(_seconds(request, "grace_s"))
    return service.status()


def _sender(sig: signal.Signals, whole_group: bool) -> "Handler":
    async def send(_: Supervisor, service: Service, request: Request) -> Answer:
        pid = _running(service)
        service.send(sig, whole_group)
        return {"pid": pid}

    return send


async def _signal(_: Supervisor, service: Service, request: Request) -> Answer:
    try:
        sig = parse_signal(request.get("signal"))
    except ValueError as exc:
        raise OpError(str(exc)) from None
    pid = _running(service)
    service.send(sig, whole_group=False)
    return {"pid": pid, "signal": sig.name}


async def _limits(_: Supervisor, service: Service, request: Request) -> Answer:
    size = request.get("memory_mb")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int | float) or size < 1):
        raise OpError(f"memory_mb: must be a number of at least 1 or null, not {size!r}")
    try:
        service.memory.change(None if size is None else float(size), service.pid)
    except OSError as exc:
        raise OpError(f"the kernel refuses this limit: {exc.strerror}") from None
    return {"memory_limit_mb": service.memory.limit_mb, "limit_kind": service.memory.kind}


async def _release(_: Supervisor, service: Service, request: Request) -> Answer:
    folder, version = service.spec.release, request.get("version")
    if folder is None:
        raise OpError(f"{service.spec.name} has no releases")
    if not isinstance(version, str) or not VERSION.match(version) or version == "current":
        raise OpError(f"version: not a version's name: {version!r}")
    if not (folder / version).is_dir():
        known = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.is_symlink())
        raise OpError(f"there is no release {version} of {service.spec.name}: there are {', '.join(known)}")
    previous = service.release
    grace_s = _seconds(request, "grace_s")
    try:
        if previous != version:  # or who shares the link would look older than it
            _switch(folder, version)
    except OSError as exc:
        raise OpError(f"{folder}/current cannot be switched: {exc.strerror}") from None
    await service.restart(grace_s)
    return service.status() | {"previous": previous}


def _switch(folder: Path, version: str) -> None:
    """Atomically: at any moment `current` is the old or the new version."""
    fresh = folder / f".current-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(version)
    fresh.replace(folder / "current")


async def _drain(fd: int) -> bytes:
    """Everything until end of file; only the first OUTPUT_MAX bytes are kept."""
    reader = asyncio.StreamReader()
    file = os.fdopen(fd, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    kept = bytearray()
    try:
        while part := await reader.read(65536):
            kept += part[: OUTPUT_MAX - len(kept)]
    except asyncio.CancelledError:
        pass  # the time is up: what came until now is the answer
    finally:
        transport.close()
    return bytes(kept)


async def _exec(host: Supervisor, service: Service, request: Request) -> Answer:
    argv = request.get("argv")
    if not isinstance(argv, list) or not argv or not all(isinstance(a, str) and "\0" not in a for a in argv):
        raise OpError("argv: must be a list of words")
    timeout = _seconds(request, "timeout_s", EXEC_TIMEOUT_S)
    env = environment(service.spec) | {"SUPERVISOR_ID": host.identity}
    (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    try:
        pid = spawn(Launch(argv, service.spec.cwd, env, out_write, service.spec.user), stderr=err_write)
    except StartError:
        os.close(out_read)
        os.close(err_read)
        raise
    finally:
        os.close(out_write)
        os.close(err_write)
    host.adopt(pid, done.set_result)
    host.session(pid, alive=True)
    readers = [asyncio.create_task(_drain(fd)) for fd in (out_read, err_read)]
    timed_out = False
    try:
        await asyncio.wait_for(asyncio.shield(done), timeout)
    except TimeoutError:
        timed_out = True
    finally:
        kill_group(pid, signal.SIGKILL)  # also what it may have left in the background
        host.session(pid, alive=False)
    code = os.waitstatus_to_exitcode(await done)
    _, late = await asyncio.wait(readers, timeout=1.0)
    for task in late:
        task.cancel()
    out, err = [(await task).decode("utf-8", "replace") for task in readers]
    return {"code": code, "out": out, "err": err, "timed_out": timed_out}


Handler = Callable[[Supervisor, Service, Request], Awaitable[Answer]]
HANDLERS: dict[str, Handler] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "kill": _sender(signal.SIGKILL, whole_group=True),
    "pause": _sender(signal.SIGSTOP, whole_group=True),
    "resume": _sender(signal.SIGCONT, whole_group=True),
    "signal": _signal,
    "exec": _exec,
    "limits": _limits,
    "release": _release,
}


def check_fence(fences: dict[str, int], name: str, fence: Any) -> None:
    """Remember the highest token per service; refuse lower ones. No token: no check."""
    if fence is None:
        return
    if isinstance(fence, bool) or not isinstance(fence, int):
        raise OpError(f"fence: must be a whole number, not {fence!r}")
    seen = fences.get(name, fence)
    if fence < seen:
        raise StaleFenceError(f"refused: token {fence} for {name} is older than {seen}")
    fences[name] = fence


async def answer(host: Supervisor, fences: dict[str, int], request: Any) -> Answer:
    """The answer to one request; OpError and StartError in plain words."""
    if not isinstance(request, dict):
        raise OpError('a request is a JSON object such as {"op": "status"}')
    op = request.get("op")
    if op == "ping":
        return {"pid": os.getpid()}
    if op == "status":
        return {"services": {name: s.status() for name, s in host.services.items()}}
    if op == "specs":
        return host.specs.answer()
    handler = HANDLERS.get(op) if isinstance(op, str) else None
    if handler is None:
        raise OpError(f"unknown op {op!r}: there are ping, status, specs, subscribe, {', '.join(HANDLERS)}")
    name = request.get("service")
    service = host.services.get(name) if isinstance(name, str) else None
    if service is None:
        raise OpError(f"there is no service {name!r}: there are {', '.join(host.services)}")
    check_fence(fences, service.spec.name, request.get("fence"))
    host.journal.write("info", "op", op=op, service=service.spec.name)
    try:
        return await handler(host, service, request)
    except TimeoutError:
        raise OpError(f"{service.spec.name} cannot be ended, even by KILL") from None
