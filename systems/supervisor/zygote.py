"""A warmed interpreter: imports the given modules once, then forks a ready process for each request.

Run as a plain file (`python -P zygote.py SUPERVISOR_PID MODULE...`); descriptor 0 is a socket pair's end.
Request: 4-byte length with two descriptors attached (log, go-ahead pipe), then JSON {argv, cwd, env}.
Answer: a JSON line {"pid": N} or {"error": "..."}. The first line is {"ready", "failed": {module: why}}.
The new process is a grandchild, so it falls to the supervisor (a subreaper) at once; it waits for one byte on
the go-ahead pipe, so that the supervisor knows it, and has put it into its cgroup, before anything runs.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PR_SET_PDEATHSIG = 1


def _receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    head, fds, _, _ = socket.recv_fds(sock, 4, 2)
    if len(head) < 4:
        return None
    size, body = int.from_bytes(head, "big"), b""
    while len(body) < size:
        part = sock.recv(size - len(body))
        if not part:
            return None
        body += part
    return json.loads(body), fds


def _answer(sock: socket.socket, **message: Any) -> None:
    sock.sendall(json.dumps(message).encode() + b"\n")


def _fork_service(sock: socket.socket, request: dict[str, Any], fds: list[int], supervisor: int) -> bool:
    """Double fork. Returns True only in the new process."""
    read_end, write_end = os.pipe()
    middle = os.fork()
    if middle == 0:
        child = os.fork()
        if child:
            os.write(write_end, str(child).encode())
            os._exit(0)
        os.close(read_end)
        os.close(write_end)
        sock.close()
        _become(request, fds, supervisor)
        return True
    os.close(write_end)
    pid = os.read(read_end, 32)
    os.close(read_end)
    os.waitpid(middle, 0)
    for fd in fds:
        os.close(fd)
    if pid:
        _answer(sock, pid=int(pid))
    else:
        _answer(sock, error="fork failed")
    return False


def _fresh_signals() -> None:
    """What a newly started Python has: SIGINT raises, PIPE and XFSZ are ignored, all else default."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _wait_for_go(fd: int, supervisor: int) -> None:
    if os.read(fd, 1) != b"g":  # the supervisor gave this start up
        os._exit(125)
    os.close(fd)
    while os.getppid() != supervisor:  # the middle process may still be on its way out
        try:
            os.kill(supervisor, 0)
        except ProcessLookupError:
            os._exit(125)
        except PermissionError:
            pass
        time.sleep(0.001)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(125)


def _become(request: dict[str, Any], fds: list[int], supervisor: int) -> None:
    """Turn the forked copy into what `python -m MODULE` would have been just before its first line."""
    os.setsid()
    log, go = fds
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    _fresh_signals()
    _wait_for_go(go, supervisor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    argv: list[str] = request["argv"]  # [python, -m, MODULE, ...]
    extra = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    sys.path[:0] = [str(Path.cwd()), *extra]
    sys.argv[:] = argv[2:]
    sys.orig_argv[:] = argv
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    _title(argv)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed(int.from_bytes(os.urandom(4), "big"))  # `random` reseeds itself after a fork


def _title(argv: list[str]) -> None:
    with contextlib.suppress(ImportError):
        import setproctitle

        setproctitle.setproctitle(" ".join(argv))


def _hide_own_frames(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    """Tracebacks start where those of `python -m` start: at runpy."""
    while trace is not None and trace.tb_next and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, exc.with_traceback(trace), trace)


def _warm(modules: list[str]) -> dict[str, str]:
    failed = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as exc:
            failed[name] = f"{type(exc).__name__}: {exc}"
    gc.collect()
    gc.freeze()  # the collector then leaves the shared pages alone
    return failed


def _serve(supervisor: int, modules: list[str]) -> str | None:
    """Answer requests; returns the module to run in a new process, None at the end."""
    sock = socket.socket(fileno=os.dup(0))
    _title(["python", "(warm)", *modules])
    with contextlib.suppress(ImportError):
        importlib.import_module("setproctitle")
    _answer(sock, ready=True, failed=_warm(modules))
    while (received := _receive(sock)) is not None:
        request, fds = received
        if _fork_service(sock, request, fds, supervisor):
            return str(request["argv"][2])
    return None


def main() -> None:
    module = _serve(int(sys.argv[1]), sys.argv[2:])
    if module is not None:
        sys.excepthook = _hide_own_frames
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
