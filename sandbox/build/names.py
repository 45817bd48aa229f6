"""Under which names a shop is built: its own, or others drawn from a seed.

What is written for a shop (files, manifest, statements, the code of its releases) is written in its own words and
passes `text` here, so that a name is the same name everywhere. `as_json` goes into site.json: who owns the shop tells
its names back by it. What belongs to others keeps its name: kinds of parts, protocols, columns, Python's own exceptions
and levels.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from .sentences import PHRASES
from .vocabulary import EDGES as EDGE_STYLES
from .vocabulary import FIELDS, MEMBERS, PATHS, TABLES, WORDS

PORTS = range(2, 190)  # offsets that are drawn from
# Keys of a manifest or a process file whose values are no name of the shop's.
FIXED = frozenset({"kind", "driver", "reload", "warm", "user", "reading"})
ARGV = frozenset({"command", "argv", "exec"})  # their first word is a program of this machine


@dataclass(frozen=True)
class Names:
    """Own word -> name. `tables`: names of which others are made with an underscore (orders_id_seq). `phrases`: whole
    sentences. `fields`: keys of a log line. `paths`: parts of an address, after a slash only. `offsets`: of ports; {} =
    the shop's own."""

    seed: int | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        return not self.words

    def as_json(self) -> dict[str, Any]:
        return {
            "words": dict(self.words),
            "tables": dict(self.tables),
            "fields": dict(self.fields),
            "paths": dict(self.paths),
        }

    def word(self, name: str) -> str:
        """A name that stands by itself; other words are as they were."""
        return self.words.get(name) or self.tables.get(name) or name

    @cached_property
    def _known(self) -> re.Pattern[str]:
        """Longest first; a dash or an underscore belongs to a word, and `redis://` is a protocol."""
        known = sorted([*self.words, *self.tables], key=len, reverse=True)
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, known))})(?![\w-]|://)")

    @cached_property
    def _made_of_tables(self) -> re.Pattern[str]:
        known = sorted(self.tables, key=len, reverse=True)
        return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(known)})(?![A-Za-z0-9])")

    @cached_property
    def _parts(self) -> re.Pattern[str]:
        known = sorted(self.paths, key=len, reverse=True)
        return re.compile(rf"(?<=/)(?:{'|'.join(map(re.escape, known))})(?![\w.-])")

    def text(self, text: str) -> str:
        if self.plain:
            return text
        said = self._known.sub(lambda m: self.word(m[0]), text)
        return self._parts.sub(lambda m: self.paths[m[0]], said)

    def sql(self, text: str) -> str:
        """As `text`, and what Postgres names after a table."""
        return text if self.plain else self._made_of_tables.sub(lambda m: self.word(m[0]), self.text(text))

    def spoken(self, text: str) -> str:
        """A constant of the shop's code: a sentence of its own as another one, else as `text`."""
        return self.phrases.get(text) or self.sql(text)

    def path(self, relative: str) -> str:
        """A path below the site's folder."""
        return str(PurePosixPath(*(self.text(part) for part in PurePosixPath(relative).parts)))


OWN = Names()


def drawn(seed: int, parts: Mapping[str, int], edges: Mapping[str, tuple[str, str]]) -> Names:
    """Other names for everything, the same for a seed. `parts`: all that have a port; `edges`: from and to."""
    draw = random.Random(f"names:{seed}")
    words = {word: draw.choice(choices) for word, choices in WORDS.items()}
    for role, style in zip(("api-1", "api-2", "backup-api"), draw.choice(MEMBERS), strict=True):
        words[role] = style.format(words["api"])
    words["net-far"] = f"{words['net']}-far"
    style = draw.choice(EDGE_STYLES)
    for edge, (source, target) in edges.items():
        near = words["api" if edge.startswith("api-") else source]
        words[edge] = style.format(near, words[target])
    words |= {role.replace("-", "_"): words[role].replace("-", "_") for role in JOBS}
    tables = {word: draw.choice(choices) for word, choices in TABLES.items()}
    phrases = {said: draw.choice(choices) for said, choices in PHRASES.items()}
    fields = {key: draw.choice(choices) for key, choices in FIELDS.items()}
    offsets = dict(zip(parts, draw.sample(PORTS, len(parts)), strict=True))
    paths = {part: draw.choice(choices) for part, choices in PATHS.items()}
    return Names(seed, words, tables, phrases, fields, offsets, paths)


JOBS = ("report-export", "thumb-render", "inventory-sync", "nightly-report", "price-recalc")
