"""A log file as lines of UTF-8, however it is packed or encoded. Bounded in memory: a line that never ends is cut."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

HEAD = 4096
PIECE = 1 << 18  # of a line that is longer the rest is passed over
GZIP = b"\x1f\x8b"
HOLE = b"\0\0\0\0"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


class Unreadable(Exception):
    """The file is no log that can be read; the text says why."""


def lines_of(file: str) -> Iterator[bytes]:
    """The lines of a file, or of standard input (`-`). Unreadable, OSError."""
    if file == "-":
        yield from lines(sys.stdin.buffer, "standard input")
        return
    path = Path(file)
    if path.is_dir():
        raise Unreadable(f"{file} is a folder: name one log file of it")
    with path.open("rb") as opened:
        yield from lines(opened, file)


def lines(raw: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of an open file, unpacked and in UTF-8. Unreadable: it is no text, or its packing is broken."""
    file = io.BufferedReader(cast("io.RawIOBase", raw), 1 << 16)
    try:
        if file.peek(2)[:2] == GZIP:
            file = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)), 1 << 16)
        while (head := file.peek(HEAD)[:HEAD]).startswith(
            HOLE
        ):  # a file that was cut while it was written to
            file.read(len(head) - len(head.lstrip(b"\0")))
        encoding = encoding_of(head)
        if encoding is None:
            raise Unreadable(f"{name} is not text: it looks like a binary file")
        if encoding == "utf-8":
            yield from _cut(file)
            return
        text = io.TextIOWrapper(file, encoding, errors="replace", newline="\n")
        while line := text.readline(PIECE):
            yield line.encode("utf-8", "replace").rstrip(b"\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unreadable(f"{name} is packed by gzip and broken: {error}") from error


def encoding_of(head: bytes) -> str | None:
    """The encoding of a text by how it begins; None for what is no text."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    even, odd = head[::2], head[1::2]
    if len(head) >= 4 and odd.count(0) > len(odd) * 0.7 and even.count(0) < len(even) * 0.2:
        return "utf-16-le"
    if len(head) >= 4 and even.count(0) > len(even) * 0.7 and odd.count(0) < len(odd) * 0.2:
        return "utf-16-be"
    sample = head[:8192]
    control = sum(b < 9 or 13 < b < 27 for b in sample)
    return None if control > max(len(sample) * 0.05, 1) else "utf-8"


def _cut(file: BinaryIO | io.BufferedReader) -> Iterator[bytes]:
    while line := file.readline(PIECE):
        whole = line.endswith(b"\n")
        yield line.rstrip(b"\r\n")
        while not whole and (rest := file.readline(PIECE)):
            whole = rest.endswith(b"\n")
