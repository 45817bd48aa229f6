"""Follows log files: rotation, truncation, huge lines, and lines that are not text. Bounded in memory and time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LINE_LIMIT = 16_384  # of a longer line only the start is kept
READ_LIMIT = 1_000_000  # bytes looked at per poll
BACKLOG_LIMIT = 8_000_000  # further behind than this, the middle is skipped


@dataclass(slots=True)
class Chunk:
    """What was appended since the last poll. `bytes` counts everything, also what was skipped."""

    lines: list[bytes] = field(default_factory=list)
    bytes: int = 0
    skipped: int = 0


class Tail:
    """One followed file. What is there at the first poll is not read again;
    a file that comes later is read from its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._inode = -1
        self._position = 0
        self._rest = b""
        self._dropping = False  # inside a line whose start was already given out
        self._polled = False

    def poll(self) -> Chunk:
        """New complete lines. OSError when the file cannot be opened (a missing file is just no lines)."""
        chunk = Chunk()
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._drain(chunk)
            self._close()
            self._polled = True
            return chunk
        if self._file is not None and found.st_ino != self._inode:
            self._drain(chunk)
            self._close()
        if self._file is None:
            self._file = self.path.open("rb", buffering=0)
            self._inode = os.fstat(self._file.fileno()).st_ino
            self._position = 0 if self._polled else found.st_size
        self._polled = True
        self._drain(chunk)
        return chunk

    def close(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._inode, self._position = None, -1, 0
        self._rest, self._dropping = b"", False

    def _drain(self, chunk: Chunk) -> None:
        if self._file is None:
            return
        size = os.fstat(self._file.fileno()).st_size
        if size < self._position:  # truncated in place
            self._position, self._rest, self._dropping = 0, b"", False
        behind = size - self._position
        if behind > BACKLOG_LIMIT:
            skip = behind - READ_LIMIT
            self._position += skip
            self._rest, self._dropping = b"", True  # the line we land in is not whole
            chunk.bytes += skip
            chunk.skipped += skip
        data = os.pread(self._file.fileno(), READ_LIMIT, self._position)
        self._position += len(data)
        chunk.bytes += len(data)
        self._split(data, chunk)

    def _split(self, data: bytes, chunk: Chunk) -> None:
        *whole, rest = data.split(b"\n")
        for part in whole:
            if self._dropping:
                self._dropping = False
            else:
                chunk.lines.append((self._rest + part)[:LINE_LIMIT].rstrip(b"\r"))
            self._rest = b""
        if self._dropping:
            return
        self._rest += rest
        if len(self._rest) > LINE_LIMIT:
            chunk.lines.append(self._rest[:LINE_LIMIT])
            self._rest, self._dropping = b"", True
