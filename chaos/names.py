"""A sandbox that is called otherwise: faults, harmless changes and answers speak of its parts by their roles (`api-1`,
`shop.orders`, `jobs.report-export.chunks`), here they become what that sandbox calls them, and back.

The words come from site.json, where a sandbox with names of its own has none. No Django.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Names:
    """Role -> name. `tables`: names of which others are made with an underscore (orders_id_seq). `fields`: keys of a
    log line. `paths`: parts of an address, after a slash only."""

    words: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Names:
        """`facts`: site.json."""
        return cls(**facts.get("names") or {})

    @property
    def plain(self) -> bool:
        return not self.words

    @cached_property
    def _there(self) -> _Way:
        return _Way({**self.words, **self.tables}, self.tables, self.paths)

    @cached_property
    def _back(self) -> _Way:
        tables = {name: role for role, name in self.tables.items()}
        words = {name: role for role, name in self.words.items()} | tables
        return _Way(words, tables, {name: part for part, name in self.paths.items()})

    def word(self, role: str) -> str:
        """A name that stands by itself; what is none is as it was."""
        return self._there.word(role)

    def role(self, name: str) -> str:
        return self._back.word(name)

    def text(self, text: str) -> str:
        """All roles that a text speaks of, where they are words."""
        return self._there.text(text)

    def told_back(self, text: str) -> str:
        return self._back.made(self._back.text(text))

    def sql(self, text: str) -> str:
        """As `text`, and what Postgres names after a table."""
        return self._there.made(self._there.text(text))

    def data(self, data: Any) -> Any:
        """Plain data, keys and values."""
        if self.plain:
            return data
        if isinstance(data, dict):
            return {self.data(key): self.data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.data(item) for item in data]
        return self.text(data) if isinstance(data, str) else data

    def path(self, relative: str) -> str:
        """A path below the sandbox's folder."""
        return str(PurePosixPath(*(self.text(part) for part in PurePosixPath(relative).parts)))

    def line(self, text: str) -> str:
        """A line of a part's own log."""
        try:
            data = None if self.plain else json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            return self.text(text)
        return json.dumps({self.fields.get(key, key): self.data(value) for key, value in data.items()})

    def roles(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(map(self.role, names))


class _Way:
    """From words to others. A dash or an underscore belongs to a word, and `redis://` is a protocol."""

    def __init__(self, words: Mapping[str, str], tables: Collection[str], paths: Mapping[str, str]) -> None:
        self._words, self._paths = words, paths
        self._parts = _one_of(paths, r"(?<=/)", r"(?![\w.-])")
        self._known = _one_of(words, r"(?<![\w-])", r"(?![\w-]|://)")
        self._tables = _one_of(tables, r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])")

    def word(self, one: str) -> str:
        return self._words.get(one, one)

    def text(self, text: str) -> str:
        said = self._known.sub(lambda m: self.word(m[0]), text) if self._known else text
        return self._parts.sub(lambda m: self._paths[m[0]], said) if self._parts else said

    def made(self, text: str) -> str:
        return self._tables.sub(lambda m: self.word(m[0]), text) if self._tables else text


def _one_of(words: Iterable[str], before: str, after: str) -> re.Pattern[str] | None:
    """The longest first."""
    known = sorted(words, key=len, reverse=True)
    return re.compile(f"{before}(?:{'|'.join(map(re.escape, known))}){after}") if known else None
