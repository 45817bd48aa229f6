"""Whose log-in is refused, and whose rights were changed: a change to one user keeps no other one out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.reasoner.board import Board, Node
from agent.reasoner.types import Change
from systems.graph import SystemGraph

KINDS = ("role", "access", "grant")
WHOSE = re.compile(r"^(?:user|role) ([^\s:]+)")
NAMED = re.compile(r"(?:user|role) [\"'`]([^\"'`]+)[\"'`]")


def of(change: Change) -> str:
    """The user or role that it changed, "" for none."""
    found = WHOSE.match(change.what) if change.kind in KINDS else None
    return found[1] if found else ""


def keeps_out_others(change: Change, members: Iterable[str], graph: SystemGraph, board: Board) -> bool:
    """Whether the changed part refuses log-ins by name, and never the one whose rights were changed. Who is refused
    and told no name is then one of those, too."""
    mine, parts = of(change), set(members)
    if not mine:
        return False
    near = parts | graph.callers(parts).keys()
    names = {name for n in board.true if n.service in near and is_refusal(n, board) for name in named(n)}
    return bool(names) and mine not in names


def is_refusal(node: Node, board: Board) -> bool:
    """Whether it says that a log-in was refused."""
    return "role" in board.moved_by(node.signal) and "access" in board.moved_by(node.signal)


def named(node: Node) -> set[str]:
    return {name for s in node.holding() for name in NAMED.findall(s.text)}
