"""A runbook's text: YAML front matter between `---` lines, then prose. Knows the line of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from systems import yamlsafe

FENCE = "---"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """Something to mend. `line` counts from 1 in the whole document; `level` is error or warning."""

    line: int
    message: str
    level: str = "error"

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass
class Document:
    """Front matter as plain data, the prose below it, and where each key stands."""

    data: dict[str, Any]
    body: str
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: Path) -> int:
        """The line of a key, or of its nearest parent that has one."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return self.lines.get((), 1)


def read(text: str) -> Document:
    """Split and parse. What is wrong ends up in `problems`; never raises for bad text."""
    rows = text.replace("\r\n", "\n").split("\n")
    if not rows or rows[0].strip() != FENCE:
        return Document({}, text, problems=[Problem(1, "a runbook starts with a line of three dashes")])
    end = next((i for i, row in enumerate(rows[1:], 1) if row.strip() == FENCE), None)
    if end is None:
        return Document({}, "", problems=[Problem(1, "the front matter has no closing line of dashes")])
    return _mapping("\n".join(rows[1:end]), "\n".join(rows[end + 1 :]), 2, "the front matter")


def plain(text: str) -> Document:
    """A text that is one mapping of YAML, and no prose. Never raises for bad text."""
    return _mapping(text.replace("\r\n", "\n"), "", 1, "it")


def _mapping(text: str, body: str, first: int, name: str) -> Document:
    """`first`: the line of the document at which `text` begins."""
    document = Document({}, body, lines={(): first})
    try:
        node, data = yamlsafe.read(text)
    except yamlsafe.Refused as error:
        document.problems.append(Problem(error.line + first - 1, str(error)))
        return document
    if node is not None:
        _index(node, (), document, first)
    if isinstance(data, dict):
        document.data = data
    else:
        document.problems.append(Problem(first, f"{name} must be a list of `key: value` lines"))
    return document


def _index(node: yaml.Node, path: Path, document: Document, first: int) -> None:
    """Remember the line of each key and item; report keys given twice and anchors, which we do not need."""
    document.lines[path] = node.start_mark.line + first
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + first
            if name in seen:
                document.problems.append(Problem(line, f"{name!r} is given twice"))
            seen.add(name)
            _index(value, (*path, name), document, first)
            document.lines[(*path, name)] = line
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _index(item, (*path, number), document, first)
