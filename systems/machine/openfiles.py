"""Which files some process on this machine has open: /proc, as far as it may be read."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class OpenFiles:
    """`files`: (device, inode). `unseen`: users of whom a process could not be looked at. `seen`: False where nobody
    tells at all."""

    files: frozenset[tuple[int, int]] = frozenset()
    unseen: frozenset[int] = frozenset()
    seen: bool = field(default=False)

    def __contains__(self, file: object) -> bool:
        return file in self.files


def open_files(proc: Path = PROC) -> OpenFiles:
    """Of all processes in `proc`. One that may not be looked at counts for its user."""
    if not (proc / "self/fd").is_dir():
        return OpenFiles()
    files: set[tuple[int, int]] = set()
    unseen: set[int] = set()
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            numbers = os.listdir(process / "fd")  # noqa: PTH208 - plain names are quicker here
        except PermissionError:
            with suppress(OSError):
                unseen.add(process.stat().st_uid)
            continue
        except OSError:  # it has just ended
            continue
        for number in numbers:
            with suppress(OSError):
                info = os.stat(process / "fd" / number)  # noqa: PTH116 - as above
                files.add((info.st_dev, info.st_ino))
    return OpenFiles(frozenset(files), frozenset(unseen), seen=True)
