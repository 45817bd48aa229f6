"""The few Linux calls the supervisor needs; each degrades quietly where the kernel has no such thing."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

IS_LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SOCKET_PATH_MAX = 100  # bytes; the kernel's own limit is 108 (104 on macOS)

_libc = ctypes.CDLL(None, use_errno=True) if IS_LINUX else None


def _prctl(option: int, value: int) -> bool:
    return _libc is not None and _libc.prctl(option, value, 0, 0, 0) == 0


def become_subreaper() -> bool:
    """Orphaned descendants become our children (so they can be reaped and ended)."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, sig: int = signal.SIGKILL) -> None:
    """Ask the kernel for `sig` when the parent thread ends; exit at once if it has ended already."""
    if _prctl(PR_SET_PDEATHSIG, sig) and os.getppid() != parent:
        os._exit(125)


@contextmanager
def short_socket_path(path: Path) -> Iterator[str]:
    """A spelling of `path` that fits into a socket address: a symlinked short directory when needed."""
    if len(os.fsencode(str(path))) <= SOCKET_PATH_MAX:
        yield str(path)
        return
    folder = Path(mkdtemp(prefix="sv", dir="/tmp"))
    link = folder / "d"
    try:
        link.symlink_to(path.parent.resolve())
        yield str(link / path.name)
    finally:
        link.unlink(missing_ok=True)
        folder.rmdir()


def exists(pid: int) -> bool:
    """Is there such a process (a negative number: anybody in such a group)? Zombies count until reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_stopped(pid: int) -> bool:
    """Was it stopped by a signal? Then it takes no other but KILL and CONT. Where nobody tells, no."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except (OSError, IndexError):
        return False


def kill_group(pgid: int, sig: int) -> bool:
    """Send `sig` to a whole process group; False when there is nobody left."""
    try:
        os.killpg(pgid, sig)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_one(pid: int, sig: int) -> bool:
    try:
        os.kill(pid, sig)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def parse_signal(value: object) -> signal.Signals:
    """`TERM`, `SIGTERM` or 15 -> the signal. ValueError names what was given."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return signal.Signals(value)
        if isinstance(value, str):
            if value.isdigit():
                return signal.Signals(int(value))
            name = value.upper()
            return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except (KeyError, ValueError):
        pass
    raise ValueError(f"unknown signal {value!r}: use a name such as TERM or HUP")
