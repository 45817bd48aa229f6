"""Which change a named cause follows from: one on its part, before it, that can have brought about its own signs.

Of several it is the one whose time and words, and what it does, tell most. How soon trouble followed is weighed as for
a change that is a cause by itself (`lags.lag_bits`); that a change is spoken of in the evidence, word for word, is
seldom chance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence

from agent.reasoner import drastic, history, principals, spread, words
from agent.reasoner.board import SLACK_S, Board
from agent.reasoner.causes import Cause
from agent.reasoner.lags import first_sign, lag_bits
from agent.reasoner.types import Change
from systems.graph import SystemGraph

LEAST_BITS = -4.0  # what tells less than this is not blamed: without a word, some fifty minutes
TRIFLE_BITS = 5.0
STEP = re.compile(r"[.:/\s]+")
HOW_IT_WORKS = ("config", "env", "setting", "flag", "release", "deploy", "commit")
# What does nothing to how a part runs.
TRIFLE = re.compile(
    r"\b(?:read[- ]?me|change[- ]?log|typos?|lint(?:er|ing)?|unit[- ]tests?|documentation|copyright|licen[cs]e header|"
    r"whitespace|wording|reword)\b|\bin (?:a )?comments?\b|\b(?:docs?|tests?|style):",
    re.IGNORECASE,
)


def blamed(
    cause: Cause, changes: Sequence[Change], graph: SystemGraph, board: Board
) -> tuple[Change | None, float]:
    """The change that a cause follows from, with what tells so in bits, 0 where its time alone does; None when none
    tells enough."""
    if cause.change is not None or cause.spec is None:
        return cause.change, 0.0
    weighed = [
        (bits(cause, change, graph), change.first_new, change)
        for change in changes
        if follows(cause, change, changes, graph, board)
    ]
    told = [row for row in weighed if row[0] >= LEAST_BITS]
    if not told:
        return None, 0.0
    most, _, change = max(told, key=lambda row: row[:2])
    return change, most if _is_evident(change, cause, board) else 0.0


def _is_evident(change: Change, cause: Cause, board: Board) -> bool:
    """Whether more than its time tells so: a word in common, or that it takes away and is of the kind that the cause's
    own signs are signs of (a table under another name, where the number of tables fell; a lower limit of what the cause
    is about), or by its name is about what they measure, and was changed by much."""
    if words.shared(_said(change), cause, [*cause.signs, *(board.true[i] for i in cause.explains)]):
        return True
    kinds = {k for n in cause.signs for k in board.moved_by(n.signal)}
    takes_away = drastic.bits(change) >= drastic.GREATLY or (
        drastic.allows_less(change) and _names(cause, change)
    )
    measured = any(board.may_lead_to(n.signal, change.kind, change.what) for n in cause.signs)
    return (change.kind in kinds and takes_away) or (measured and drastic.bits(change) > 0)


def _names(cause: Cause, change: Change) -> bool:
    """Whether what is limited is in the name of the cause: `memory limit`, and a memory limit that is too low."""
    called = f"{cause.spec.id} {cause.spec.title}" if cause.spec is not None else ""
    return bool(words.words(change.what) & words.words(called) - {"limit"})


def follows(
    cause: Cause, change: Change, changes: Sequence[Change], graph: SystemGraph, board: Board
) -> bool:
    """Whether a named cause may follow from a change: one on its part, before it, of the kind its own signs ask for, or
    that showed on it shortly before; or one of who calls it, where it is about how much comes."""
    kinds = {k for n in (*cause.signs, *cause.led_by) for k in board.moved_by(n.signal)}
    changed = {*history.members(change.component, graph)}
    of_its_kind = change.kind in kinds or (change.what == history.STOPPED and _is_down(cause, board))
    leads = any(board.may_lead_to(n.signal, change.kind, change.what) for n in cause.signs)
    of_it = of_its_kind or leads or _is_about_it(cause, change)
    there = (of_it and changed & {*cause.members}) or _may_send(change, changed, cause, graph, board)
    over = history.undone(change, changes)
    return (
        bool(there)
        and not history.is_ours(change, changes)
        and not history.is_put_back(change, changes)
        and (over is None or over >= first_sign(cause) - SLACK_S)
        and (cause.began is None or change.last_old.timestamp() <= first_sign(cause) + SLACK_S)
        and not principals.keeps_out_others(change, cause.members, graph, board)
    )


def _is_about_it(cause: Cause, change: Change) -> bool:
    """Whether it is a setting of the very thing that the cause is about: `jobs.export.every_s`, and a job `export` that
    has run away."""
    about = cause.spec.detail if cause.spec is not None else ""
    named = {s.label.lower() for n in cause.signs if n.signal == about for s in n.holding() if s.label}
    return change.kind in HOW_IT_WORKS and bool(named & {*STEP.split(change.what.lower())})


def _may_send(
    change: Change, changed: Collection[str], cause: Cause, graph: SystemGraph, board: Board
) -> bool:
    """Whether whoever was changed calls the cause's part, and its runbook tells the cause by how much comes there, or
    by whom it comes from."""
    told = {key.partition("@")[0] for key in cause.spec.symptoms} if cause.spec is not None else set()
    who = cause.spec.detail if cause.spec is not None else ""
    shown = [n for i in cause.explains if (n := board.true[i]).service in cause.members and n.signal in told]
    comes = any(n.klass == "flow" or n.signal == who or spread.is_filled(n, graph, board) for n in shown)
    calls = (whom & {*cause.members} for part in changed if (whom := spread.whom_they_call(graph, (part,))))
    return comes and change.kind in HOW_IT_WORKS and any(calls)


def _is_down(cause: Cause, board: Board) -> bool:
    """Whether its own signs say that its part does not run."""
    return any(getattr(board.catalog.get(n.signal), "down", False) for n in cause.signs)


def bits(cause: Cause, change: Change, graph: SystemGraph) -> float:
    """What its time, its words and what it does say for it; signs without a time say nothing of the first. Where the
    order is not known, it may have been as long before as it seems to have been after."""
    lag = first_sign(cause) - (change.effective_at or change.last_old).timestamp()
    value = 0.0 if lag == math.inf else lag_bits(abs(lag), change.kind)
    said = _said(change)
    value += words.bits(words.shared(said, cause, cause.signs)) + drastic.bits(change)
    return value - (TRIFLE_BITS if TRIFLE.search(said) else 0.0)


def _said(change: Change) -> str:
    return f"{change.what} {change.words} {change.before or ''} {change.after or ''}"
