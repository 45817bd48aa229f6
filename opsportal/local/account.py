"""The account that the embedded Postgres runs as when we are root, which it refuses to be.

Not `nobody`: whatever else runs as nobody could read the cluster. A number of its own is taken, with no entry in
/etc/passwd, from a range that neither systemd nor any distribution hands out. Only initdb insists on a name; it runs as
nobody, with the new account's group, in a folder that only that group may enter.
"""

from __future__ import annotations

import os
import pwd
import secrets
from pathlib import Path
from typing import NamedTuple

import psutil

FIRST, LAST = 60_578, 61_183  # "unused" in systemd's table of user ids


class Account(NamedTuple):
    uid: int
    gid: int


def nobody() -> Account:
    found = pwd.getpwnam("nobody")
    return Account(found.pw_uid, found.pw_gid)


def server_account(note: Path) -> Account | None:
    """The account for the servers of one data folder; None when we are not root. Kept in the file `note`.

    In a container that has no such numbers it is `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if not _mapped(LAST):
        return nobody()
    try:
        kept = int(note.read_text())
        if FIRST <= kept <= LAST and not _has_name(kept):
            return Account(kept, kept)
    except (FileNotFoundError, ValueError):
        pass
    used = {process.info["uids"].real for process in psutil.process_iter(["uids"]) if process.info["uids"]}
    size = LAST - FIRST + 1
    start = secrets.randbelow(size)
    tries = ((start + step) % size + FIRST for step in range(size))
    uid = next(uid for uid in tries if uid not in used and not _has_name(uid))
    note.write_text(str(uid))
    return Account(uid, uid)


def give(folder: Path, account: Account) -> None:
    """`folder` and all below become the account's, where they are not; the folder itself last."""
    if _owner(folder) == account:
        return
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            os.lchown(Path(path) / name, *account)
        os.lchown(path, *account)


def _owner(path: Path) -> Account:
    found = path.lstat()
    return Account(found.st_uid, found.st_gid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _mapped(uid: int) -> bool:
    """Whether this user namespace knows that number."""
    try:
        spans = [list(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return True
    return any(first <= uid < first + count for first, _, count in spans)
