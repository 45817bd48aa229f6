"""A wire: a process that owns a network namespace and hands out TCP sockets that live in it.

All bytes of an edge's path A travel over the loopback device of this namespace, so taking that device down, shaping it
or dropping packets on it does to the edge what it would do to a cable. Run as `python -m shop.net.wire FD MBIT` with a
unix socket pair; it sends `ready` with the listening socket (`ready MBIT` where it carries so much at most), or
`error: why`; each byte received is answered by one fresh unconnected socket.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

PORT = 7000
BURST, QUEUE = "16kb", "400ms"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFMTU, _IFF_UP = 0x8913, 0x8914, 0x8922, 1
_PR_SET_PDEATHSIG = 1


def enter_namespace() -> None:
    """Own network namespace (and user namespace when not root), loopback up with an ethernet-like mtu."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    uid, gid = os.getuid(), os.getgid()
    flags = _CLONE_NEWNET if uid == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    if libc.unshare(flags) != 0 and (uid != 0 or libc.unshare(flags | _CLONE_NEWUSER) != 0):
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - keep imports few
                file.write(text)
    loopback_up()


def loopback_up(mtu: int = 1500) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFMTU, struct.pack("16si12x", b"lo", mtu))
        request = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack_from("h", request, 16)[0]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def shape(mbit: int) -> bool:
    """Let the loopback carry so much and no more; what waits for it waits `QUEUE`. False where tc is not to be had."""
    rate = [
        "tc",
        "qdisc",
        "add",
        "dev",
        "lo",
        "root",
        "tbf",
        "rate",
        f"{mbit}mbit",
        "burst",
        BURST,
        "latency",
        QUEUE,
    ]
    found = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        pid = os.posix_spawnp("tc", rate, found)
    except OSError:
        return False
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def send_socket(channel: socket.socket, message: bytes, sock: socket.socket) -> None:
    fds = array.array("i", [sock.fileno()])
    channel.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])


def main(fd: int, mbit: int) -> None:
    channel = socket.socket(fileno=fd)
    try:
        enter_namespace()
    except OSError as error:
        channel.send(f"error: {error}".encode())
        return
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", PORT))
        listener.listen(64)
        shaped = mbit > 0 and shape(mbit)
        send_socket(channel, b"ready %d" % mbit if shaped else b"ready", listener)
        while channel.recv(1):
            with socket.socket() as fresh:
                send_socket(channel, b"s", fresh)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
