"""`python -m shop.storage`: keeps the shop's small volumes mounted, until it ends.

They are file systems of their own in a mount namespace of this process, so no rights on the machine are needed. Each is
published as the link VOLUMES_DIR/NAME. Without VOLUMES_DIR (containers: the engine mounts them) it only holds them.
"""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path

from ..kit import logs
from ..kit.run import run

log = logging.getLogger("shop")
VOLUMES = {"applog": "size=24m", "scratch": "size=16m,nr_inodes=2000"}
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000


def enter_namespace() -> None:
    """Own mounts (and user namespace when not root), which nobody else sees. OSError where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    flags = _CLONE_NEWNS if uid == 0 else _CLONE_NEWNS | _CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    if libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def mount(folder: Path, options: str) -> None:
    """A file system in memory. OSError when it cannot be mounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, f"{options},mode=0755".encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {folder.name}")


def publish(link: Path, target: Path) -> None:
    """`link` leads to `target`, in one step."""
    if link.is_dir() and not link.is_symlink():
        link.rmdir()
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def provide(folder: Path, mounts: Path) -> None:
    """All volumes below `mounts`, which stays empty for everybody else, and their links in `folder`."""
    mounts.mkdir(parents=True, exist_ok=True)
    enter_namespace()
    mount(mounts, "size=1m")
    for name, options in VOLUMES.items():
        (mounts / name).mkdir()
        mount(mounts / name, options)
        publish(folder / name, Path(f"/proc/{os.getpid()}/root{mounts / name}"))


async def start() -> None:
    if not (folder := os.environ.get("VOLUMES_DIR")):
        log.info("volumes are held")
        return
    try:
        provide(Path(folder), Path(os.environ["MOUNTS_DIR"]))
    except OSError as error:
        log.warning("no volumes of their own here, plain folders instead: %s", error)
        for name in VOLUMES:
            link = Path(folder) / name
            if link.is_symlink():
                link.unlink()
            link.mkdir(exist_ok=True)
        return
    log.info("volumes are mounted: %s", ", ".join(VOLUMES))


def main() -> None:
    logs.setup("storage")
    run(start)


if __name__ == "__main__":
    main()
