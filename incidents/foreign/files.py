"""The files of a bundle: a folder, an archive, or single files. Bounded, and never the ones that hold the answer.

Nothing outside the folder is read (symlinks are followed only within it), no special files, and of compressed ones no
more than the limits allow, counted as it is unpacked.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

HIDDEN = re.compile(r"^(answer|scenario|solution)|truth", re.IGNORECASE)
HIDDEN_FOLDER = re.compile(
    r"^(answer|solution)|truth|^\.git$", re.IGNORECASE
)  # a scenario may be a folder of data
MOST_FILES = 5000
MOST_BYTES = 1_500_000_000  # unpacked, of all files together
MOST_OF_A_FILE = 600_000_000
CHUNK = 1 << 16
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz)$", re.IGNORECASE)


class NoBundle(ValueError):
    """There is nothing to read. The message says what to mend."""


@dataclass(frozen=True)
class Source:
    """One file: its path within the bundle, and how to open it."""

    name: str
    open: Callable[[], BinaryIO]


@dataclass
class Budget:
    """What may still be read of a bundle, over all files."""

    bytes: int = MOST_BYTES
    files: int = MOST_FILES


def hidden(name: str) -> bool:
    """Whether a file's path is one that may hold the answer: it is not read."""
    *folders, last = PurePosixPath(name.replace("\\", "/")).parts or ("",)
    return HIDDEN.search(last) is not None or any(HIDDEN_FOLDER.search(part) for part in folders)


def find(path: Path, note: Callable[[str], None], budget: Budget) -> Iterator[Source]:
    """Every file of the bundle, in a fixed order. NoBundle when there is nothing at `path`."""
    if path.is_dir():
        yield from _of_folder(path.resolve(), note, budget)
    elif path.is_file():
        yield from _of_file(path, path.name, note, budget)
    else:
        raise NoBundle(f"{path} is no folder and no file")


def _of_folder(root: Path, note: Callable[[str], None], budget: Budget) -> Iterator[Source]:
    for path in _walk(root, note):
        name = path.relative_to(root).as_posix()
        if hidden(name):
            continue
        real = _real(path, root, note)
        if real is None:
            continue
        if budget.files <= 0:
            note(f"more than {MOST_FILES:,} files: the rest was not read")
            return
        yield from _of_file(real, name, note, budget)


def _walk(root: Path, note: Callable[[str], None]) -> Iterator[Path]:
    """Files below `root`; folders that are symlinks are not entered."""
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        note(f"{root.name}: {error.strerror}")
        return
    for path in entries:
        if path.is_dir() and not path.is_symlink():
            if not HIDDEN_FOLDER.search(path.name):
                yield from _walk(path, note)
        else:
            yield path


def _real(path: Path, root: Path, note: Callable[[str], None]) -> Path | None:
    """The plain file behind `path`; None when it is none, lies outside, or is one that holds the answer."""
    try:
        real = path.resolve(strict=True)
        if not stat.S_ISREG(real.stat().st_mode):
            if not real.is_dir():
                note(f"{path.name}: not a plain file, not read")
            return None
    except (OSError, RuntimeError) as error:
        note(f"{path.name}: {getattr(error, 'strerror', None) or error}")
        return None
    if not real.is_relative_to(root):
        note(f"{path.name}: leads out of the bundle, not read")
        return None
    return None if hidden(real.relative_to(root).as_posix()) else real


def _of_file(path: Path, name: str, note: Callable[[str], None], budget: Budget) -> Iterator[Source]:
    budget.files -= 1
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        note(f"{name}: {error.strerror}")
        return
    if head[:4] == b"PK\x03\x04":
        yield from _of_zip(path, name, note, budget)
    elif ARCHIVE.search(name) or head[257:262] == b"ustar":
        yield from _of_tar(path, name, note, budget)
    else:
        yield Source(name, lambda: unpacked(path.open("rb"), head))


def unpacked(file: BinaryIO, head: bytes) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if head[:2] == b"\x1f\x8b" else file


def _of_zip(path: Path, name: str, note: Callable[[str], None], budget: Budget) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            for item in sorted(archive.infolist(), key=lambda i: i.filename):
                if item.is_dir() or hidden(item.filename) or stat.S_ISLNK(item.external_attr >> 16):
                    continue
                if not _may(name, note, budget):
                    return
                yield Source(item.filename, lambda item=item: _member(archive.open(item)))  # type: ignore[misc]
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        note(f"{name}: a broken archive: {error}")


def _of_tar(path: Path, name: str, note: Callable[[str], None], budget: Budget) -> Iterator[Source]:
    """In the order of the archive, which is a stream: each file must be read before the next is asked for."""
    try:
        with tarfile.open(path, "r|*") as archive:
            for item in archive:
                if item.offset > MOST_BYTES:
                    note(f"{name}: larger than {MOST_BYTES:,} bytes unpacked, the rest was not read")
                    return
                if not item.isreg() or hidden(item.name):
                    continue
                if not _may(name, note, budget):
                    return
                file = archive.extractfile(item)
                if file is not None:
                    yield Source(item.name, lambda file=file: _member(cast(BinaryIO, file)))  # type: ignore[misc]
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        note(f"{name}: a broken archive: {error}")


def _member(file: BinaryIO | object) -> BinaryIO:
    """A file of an archive; one that is compressed once more is unpacked."""
    whole = io.BufferedReader(cast(io.RawIOBase, file), CHUNK)
    return unpacked(cast(BinaryIO, whole), whole.peek(2)[:2])


def _may(name: str, note: Callable[[str], None], budget: Budget) -> bool:
    budget.files -= 1
    if budget.files <= 0:
        note(f"{name}: more than {MOST_FILES:,} files, the rest was not read")
        return False
    return True


class Limited(io.RawIOBase):
    """Reads no more of `file` than the limits allow; `cut` says that there was more."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file, self._budget = file, budget
        self._left = min(MOST_OF_A_FILE, budget.bytes)
        self.cut = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        data = self._file.read(min(len(view), CHUNK))
        if len(data) > self._left:
            self.cut, data = True, data[: self._left]
        self._left -= len(data)
        self._budget.bytes -= len(data)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._file.close()
        super().close()
