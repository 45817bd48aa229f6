"""The loopback device of another process's network namespace, up or down."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def set_loopback(pid: int, *, up: bool) -> None:
    """OSError when the namespace of `pid` cannot be entered."""
    child = os.fork()
    if child == 0:  # a namespace is entered for good: in a child that then ends
        try:
            _enter_and_set(pid, up=up)
            os._exit(0)
        except BaseException:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise OSError(f"could not enter the network namespace of process {pid}")


def _enter_and_set(pid: int, *, up: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    kinds = (
        (("net", _CLONE_NEWNET),) if os.geteuid() == 0 else (("user", _CLONE_NEWUSER), ("net", _CLONE_NEWNET))
    )
    for name, flag in kinds:
        fd = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
        if libc.setns(fd, flag) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack_from("h", request, 16)[0]
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))
