"""Log files that are named by a pattern: those that are there, and those that come later."""

from __future__ import annotations

import glob
import os
from contextlib import suppress
from pathlib import Path

from systems.logs.tails import PACKED, Chunk, Place, Tail, is_at, mark_of

MOST_FILES = 200  # of one pattern


def matching(pattern: Path) -> list[Path]:
    """The files that a name, or a pattern of names (`log/*.log`), means now; a plain name also when it is not there."""
    if not glob.has_magic(str(pattern)):
        return [pattern]
    root = Path(pattern.anchor)
    found = sorted(f for f in root.glob(str(pattern.relative_to(root))) if not f.name.endswith(PACKED))
    return [f for f in found if f.is_file()][-MOST_FILES:]


class Tails:
    """All files that a pattern names, those that come later too. A file that is renamed to another such name, or copied
    to one, is not read again."""

    def __init__(self, pattern: Path) -> None:
        self.pattern = pattern
        self._tails: dict[str, Tail] = {}
        self._ended: dict[int, Place] = {}
        self._polled = False

    def poll(self) -> dict[str, Chunk]:
        """New complete lines of each file. OSError when one cannot be opened."""
        if not glob.has_magic(str(self.pattern)):
            tail = self._tails.setdefault(str(self.pattern), Tail(self.pattern))
            return {str(self.pattern): tail.poll()}
        names = [str(file) for file in matching(self.pattern)]
        places = {name: tail.place for name, tail in self._tails.items()}
        found = {}
        for name in list(self._tails):  # what is gone is read to its end first, by whatever name it goes now
            before = self._tails[name].place
            found[name] = self._tails[name].poll()
            if self._tails[name].place.inode != before.inode and before.inode:
                self._ended[before.inode] = before
            if name not in names:
                del self._tails[name]
        for name in names:
            if name not in self._tails:
                with suppress(FileNotFoundError):
                    self._tails[name] = Tail(Path(name), self._start(name, places))
                    found[name] = self._tails[name].poll()
        while len(self._ended) > MOST_FILES:
            del self._ended[next(iter(self._ended))]
        self._polled = True
        return found

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    def _start(self, name: str, places: dict[str, Place]) -> Place | None:
        """From where a file is read that was not there before: None from its end, at the first poll."""
        if not self._polled:
            return None
        with Path(name).open("rb", buffering=0) as opened:
            file = opened.fileno()
            inode = os.fstat(file).st_ino
            known = self._ended.pop(inode, None)
            for place in [known] if known else places.values():
                if place.position and is_at(file, place):
                    end = os.fstat(
                        file
                    ).st_size  # the old file was drained already, by its descriptor or its copy
                    return Place(inode, end, mark=mark_of(file, end))
        return Place(inode)
