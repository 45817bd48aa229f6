"""The one place where YAML that somebody wrote is read: size, depth and number of values are bounded, aliases refused.

An alias lets nine lines stand for a billion values, and depth lets a short text exhaust the stack; neither is needed to
describe a system or a cause. The files of a system under care may have aliases (`aliases=True`): what they stand for is
counted instead.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_CHARS = 1_000_000
MAX_DEPTH = 30
MAX_VALUES = 100_000
TOO_DEEP = f"nested too deeply: at most {MAX_DEPTH} levels"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C ten times as fast


class Refused(yaml.YAMLError):
    """The text is not read. `line` counts from 1; the message says what to mend."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def load(text: str, *, aliases: bool = False) -> Any:
    """The plain data of one YAML document, None when it is empty. Refused says what to mend."""
    return read(text, aliases=aliases)[1]


def read(text: str, *, aliases: bool = False, words: bool = False) -> tuple[yaml.Node | None, Any]:
    """As `load`, with the document's node before it: it knows the line of every key. `words`: a key such as `on` is the
    word, and no truth."""
    if len(text) > MAX_CHARS:
        raise Refused(1, f"larger than {MAX_CHARS:,} characters")
    try:
        _look_through(text, aliases=aliases)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, None
            if aliases:
                _stands_for(node, {})
            if words:
                _keep_words(node)
            return node, loader.construct_document(node)
        finally:
            loader.dispose()
    except Refused:
        raise
    except yaml.MarkedYAMLError as error:
        raise _told(text, error) from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, RecursionError) as error:
        rows = str(error).splitlines() or [type(error).__name__]
        raise Refused(1, f"not valid YAML: {rows[0]}") from None


def _keep_words(node: yaml.Node) -> None:
    """Keys that YAML 1.1 takes for truths (`on`, `off`, `yes`, `no`) stay as they are written."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
            _keep_words(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _keep_words(item)


def _told(text: str, error: yaml.MarkedYAMLError) -> Refused:
    mark: Any = error.problem_mark or error.context_mark
    words = str(error.problem or error.context)
    line = mark.line + 1 if mark else 1
    if "nesting depth" in words:
        return Refused(line, TOO_DEEP)
    rows = text.splitlines()
    if (
        mark and "found character that" in words and mark.line < len(rows)
    ):  # the parser in C does not say which
        words = words.replace("character", f"character {rows[mark.line][mark.column : mark.column + 1]!r}")
    return Refused(line, f"not valid YAML: {words}")


def _look_through(text: str, *, aliases: bool) -> None:
    """Walk the events, which builds nothing, and stop at the first thing that is too much."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_Loader):
        start: Any = event.start_mark
        line = start.line + 1
        if isinstance(event, yaml.AliasEvent) and not aliases:
            raise Refused(line, f"aliases (*{event.anchor}) are not read: write the value out")
        if isinstance(event, yaml.NodeEvent):
            values += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise Refused(line, TOO_DEEP)
        if values > MAX_VALUES:
            raise Refused(line, f"more than {MAX_VALUES:,} values")


def _stands_for(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values the node stands for once its aliases are written out."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in known:
        if known[id(node)] == 0:
            raise Refused(node.start_mark.line + 1, "an alias that contains itself")
        return known[id(node)]
    known[id(node)] = 0
    parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
    total = 1 + sum(_stands_for(part, known) for part in parts)
    if total > MAX_VALUES:
        raise Refused(node.start_mark.line + 1, f"aliases that stand for more than {MAX_VALUES:,} values")
    known[id(node)] = total
    return total
