"""Child processes that do not outlive their parent, unless they are meant to."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from opsportal.local.account import Account

_PR_SET_PDEATHSIG = 1
Argv = Sequence[str | Path]


def spawn(
    argv: Argv,
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    user: Account | None = None,
    death_signal: signal.Signals | None = signal.SIGTERM,
    keep_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start argv in a session of its own, so that the terminal's Ctrl-C reaches only us.

    On Linux the kernel sends it `death_signal` when this process ends, by whatever means; None for one that outlives
    us. Call from the main thread: the kernel watches the thread that forked.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def tie() -> None:
        if libc is not None and death_signal is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:
                os._exit(1)

    out = log.open("ab") if log else None
    try:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT if out else None,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=tie,
            pass_fds=keep_fds,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    finally:
        if out:
            out.close()


def stop(process: subprocess.Popen[bytes], sig: signal.Signals, grace_s: float) -> bool:
    """Ask with `sig`, then kill the process group. True when it ended by itself."""
    if process.poll() is None:
        process.send_signal(sig)
    try:
        process.wait(grace_s)
        return True
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
        return False


def tail(log: Path, lines: int = 1) -> str:
    """The last lines of a log, for an error message; '' when there is none."""
    try:
        text = log.read_bytes()[-8000:].decode(errors="replace")
    except OSError:
        return ""
    return " | ".join([line for line in text.splitlines() if line.strip()][-lines:])
