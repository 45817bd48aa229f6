"""JSON of any size, in pieces: the elements of the outermost long array one by one, so that a document of 100 MB never
lies in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK = 1 << 20
WHOLE = 24 * CHUNK  # characters; up to here a document is read at once
MOST_OF_ONE = 96 * CHUNK  # of one element
OUTER = 5  # levels that are entered before elements are read whole
_SPACE = " \t\r\n"


class Broken(ValueError):
    """The text is no JSON from some place on, or one value of it is too large or too deep."""


Path = tuple[str, ...]


class _Text:
    """A window on the text that can be asked for more."""

    def __init__(self, file: TextIO, start: str) -> None:
        self.file, self.text, self.at, self.done = file, start, 0, False

    def more(self) -> bool:
        """Read on; False at the end."""
        if self.done:
            return False
        piece = self.file.read(CHUNK)
        self.done = not piece
        self.text = self.text[self.at :] + piece
        self.at = 0
        if len(self.text) > MOST_OF_ONE:
            raise Broken(f"one value is larger than {MOST_OF_ONE:,} characters")
        return not self.done

    def peek(self) -> str:
        """The next character that is no white space, "" at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in _SPACE:
                    return self.text[self.at]
                self.at += 1
            if not self.more():
                return ""

    def take(self, wanted: str) -> bool:
        if self.peek() == wanted:
            self.at += 1
            return True
        return False

    def value(self) -> Any:
        """The next whole value."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                raise Broken("nested too deeply") from None
            except ValueError as error:
                if not self.more():
                    raise Broken(str(error)) from None
                continue
            if end == len(self.text) and not self.done and self.more():
                continue  # a number may go on
            self.at = end
            return found


_DECODER = json.JSONDecoder(strict=False)


def values(file: TextIO, start: str = "") -> Iterator[tuple[Path, Any]]:
    """(path of keys, value): the document as a whole when it is small, else the parts of it. Several documents one
    after the other are given one by one. Broken says what is wrong, after what could be read."""
    head = start + file.read(max(WHOLE - len(start), 0))
    text = _Text(file, head)
    small = len(head) < WHOLE
    while text.peek():
        if small:
            yield (), text.value()
        else:
            yield from _parts(text, (), 0)
        text.take(",")


def _parts(text: _Text, path: Path, depth: int) -> Iterator[tuple[Path, Any]]:
    first = text.peek()
    if first == "{" and depth < OUTER:
        yield from _of_object(text, path, depth)
    elif first == "[":
        yield from _of_array(text, path)
    else:
        yield path, text.value()


def _of_object(text: _Text, path: Path, depth: int) -> Iterator[tuple[Path, Any]]:
    text.take("{")
    plain: dict[str, Any] = {}
    while not text.take("}"):
        if not text.peek():
            raise Broken("ends in the middle of an object")
        key = str(text.value())
        if not text.take(":"):
            raise Broken(f"no value after {key[:40]!r}")
        if text.peek() in "{[":
            yield from _parts(text, (*path, key), depth + 1)
        else:
            plain[key] = text.value()
        text.take(",")
    if plain:
        yield path, plain


def _of_array(text: _Text, path: Path) -> Iterator[tuple[Path, Any]]:
    text.take("[")
    while not text.take("]"):
        if not text.peek():
            raise Broken("ends in the middle of a list")
        yield path, text.value()
        text.take(",")
