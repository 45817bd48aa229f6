"""One key of a text file given another value, and nothing else of it changed: the file's layout and comments stay.

Whatever an edit did is checked by reading the result as the ledger reads it; one that changes anything else is none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from systems import yamlsafe
from systems.probes.files import Unparsable, parse_text
from systems.state.inverses.types import NoInverse

Read = Callable[[str], dict[str, Any]]
SECTIONS = re.compile(r"^\s*\[|[{}]\s*(?:#.*)?$", re.M)


def with_key(
    text: str, key: str, then: str | None, *, name: str, env: bool, read: Read, said: Callable[[Any], str]
) -> str:
    """The text with `key` at `then` (None: without it). `read`: its flat keys; `said`: a value as the ledger has it.
    NoInverse where that cannot be done without touching anything else."""
    before = read(text)
    tries = (
        _yaml(text, key, then)
        if name.endswith((".yaml", ".yml", ".json")) and not env
        else _lines(text, key, then, env)
    )
    for edited in tries:
        try:
            after = read(edited)
        except (Unparsable, ValueError):
            continue
        others = {k: v for k, v in before.items() if k != key} == {k: v for k, v in after.items() if k != key}
        right = key not in after if then is None else key in after and said(after[key]) == then
        if others and right:
            return edited
    raise NoInverse(f"{key} of {name} cannot be put back without touching other lines: a person edits it, or it is "
                    "restored from its golden copy where it has one")  # fmt: skip


def _yaml(text: str, key: str, then: str | None) -> Iterator[str]:
    try:
        root, _ = yamlsafe.read(text, aliases=True)
    except yamlsafe.Refused as error:
        raise NoInverse(f"the file does not parse: {error}") from None
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def at(mark: Any) -> int:
        place: int = starts[min(mark.line, len(lines))] + (mark.column if mark.line < len(lines) else 0)
        return place

    found = next((pair for path, *pair in _walk(root, "") if path == key), None)
    if found is not None and then is not None:
        node: Any = found[1]
        for new in _scalars(then, node):
            yield text[: at(node.start_mark)] + new + text[at(node.end_mark) :]
    elif found is not None:
        first, node = found
        last = node.end_mark.line + (1 if node.end_mark.column else 0)
        yield "".join(lines[: first.start_mark.line] + lines[max(last, first.start_mark.line + 1) :])
    elif then is not None:
        yield from _inserted(root, lines, key, then)


def _walk(node: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, its node, the node of its value) of everything below."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            path = f"{prefix}.{name.value}" if prefix else str(name.value)
            yield path, name, value
            yield from _walk(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield f"{prefix}.{number}", value, value
            yield from _walk(value, f"{prefix}.{number}")


def _scalars(then: str, node: Any) -> list[str]:
    """Ways to write a value, the likeliest first."""
    if isinstance(node, yaml.SequenceNode):
        try:
            listed = ast.literal_eval(then)
        except (ValueError, SyntaxError):
            return []
        return (
            [json.dumps(listed, ensure_ascii=False)] if isinstance(listed, list) and node.flow_style else []
        )
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        return []
    plain, quoted = then, json.dumps(then, ensure_ascii=False)
    if node.style == "'" and "'" not in then:
        return [f"'{then}'", quoted]
    return [quoted, plain] if node.style else [plain, quoted]


def _inserted(root: Any, lines: list[str], key: str, then: str) -> Iterator[str]:
    """Before the first key of the mapping that it belongs to."""
    parents = [("", root)] + [(path, value) for path, _, value in _walk(root, "")]
    fitting = [
        (p, n) for p, n in parents if isinstance(n, yaml.MappingNode) and (not p or key.startswith(f"{p}."))
    ]
    if not fitting:
        return
    path, node = max(fitting, key=lambda item: len(item[0]))
    if node.flow_style or not node.value:
        return
    first = node.value[0][0].start_mark
    name = key[len(path) + 1 :] if path else key
    for value in (then, json.dumps(then, ensure_ascii=False)):
        line = f"{' ' * first.column}{name}: {value}\n"
        yield "".join([*lines[: first.line], line, *lines[first.line :]])


def _lines(text: str, key: str, then: str | None, env: bool) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    numbered = re.fullmatch(r"(.+)#(\d+)", key) if not env else None
    name, number = (numbered[1], int(numbered[2])) if numbered else (key, 1)
    begin = r"(\s*(?:export\s+)?" if env else r"(\s*"
    pattern = re.compile(begin + re.escape(name) + r"(?:\s*=\s*|\s+))(.*?)(\s+#.*)?(\r?\n?)$" if not env else
                         begin + re.escape(name) + r"\s*=\s*)(.*?)()(\s*)$")  # fmt: skip
    places = [(i, found) for i, line in enumerate(lines) if (found := pattern.match(line))]
    place = places[-1] if env and places else places[number - 1] if len(places) >= number else None
    if place is not None:
        index, found = place
        quote = (
            found[2][:1]
            if len(found[2]) > 1 and found[2][:1] in "\"'" and found[2][-1:] == found[2][:1]
            else ""
        )
        new = [] if then is None else [f"{found[1]}{quote}{then}{quote}{found[3] or ''}{found[4]}"]
        yield "".join(lines[:index] + new + lines[index + 1 :])
    elif then is not None and number == 1 and (env or not SECTIONS.search(text)):
        joint = "=" if env else " = " if re.search(r"^\s*[^\s#=]+\s*=", text, re.M) else " "
        gap = "" if not text or text.endswith("\n") else "\n"
        yield f"{text}{gap}{name}{joint}{then}\n"


def reader(name: str, env: Callable[[str, str], dict[str, str]] | None) -> Read:
    """How the ledger reads such a file."""
    return (lambda text: dict(env(text, name))) if env else (lambda text: parse_text(text, name))
