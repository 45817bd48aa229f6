"""Patterns that people type: searched in time linear in the text, whatever the pattern (re2)."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, cast

import re2

MAX_CHARS = 300
_NOT_IN_RE2 = {
    "(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind",
    "(?>": "an atomic group", "(?(": "a conditional",
}  # fmt: skip


class BadPattern(ValueError):
    """The pattern cannot be used; the message says what to mend."""


class Match(Protocol):
    def __getitem__(self, group: int) -> str | None: ...
    def groups(self) -> tuple[str | None, ...]: ...
    def groupdict(self) -> dict[str, str | None]: ...


class Compiled:
    """A pattern ready for use."""

    def __init__(self, found: re2._Regexp) -> None:
        self._found = found

    @property
    def size(self) -> int:
        """Steps of its program."""
        return int(self._found.programsize)

    def search(self, text: str) -> Match | None:
        """The first match anywhere in `text`."""
        return cast("Match | None", self._found.search(text.encode("utf-8", "replace").decode()))


@lru_cache(maxsize=4096)
def compiled(pattern: str, *, ignore_case: bool = False) -> Compiled:
    """BadPattern: too long, not a pattern, or one that could take more than linear time."""
    if len(pattern) > MAX_CHARS:
        raise BadPattern(f"a pattern may have at most {MAX_CHARS} characters")
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return Compiled(re2.compile(pattern, options))
    except (re2.error, UnicodeError) as error:
        raise BadPattern(_words(pattern, error)) from None


def work(pattern: str) -> int:
    """How many steps its program has: what it costs to look for. BadPattern as for `compiled`."""
    return int(compiled(pattern, ignore_case=True).size)


def _words(pattern: str, error: Exception) -> str:
    reason = error.args[0] if error.args else error
    said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    for sign, name in _NOT_IN_RE2.items():
        if sign in said and sign in pattern:
            return f"{name} ({sign}...) is not possible here, because it can take for ever: write it without"
    if said.startswith("invalid escape sequence: \\") and said[-1].isdigit():
        return f"back-references ({said[-2:]}) are not possible here: write the text again"
    return f"not a regular expression: {said}"
