"""Hypotheses in plain words: titles, summaries and steps with what was measured filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from agent.reasoner.board import Board, Node
from agent.reasoner.causes import Cause
from agent.reasoner.changes import behind
from agent.reasoner.infer import explained_bits, node_bits
from agent.reasoner.runbooks import matches, targets
from agent.reasoner.spread import OUTRIGHT
from agent.reasoner.types import Change, Evidence, Hypothesis, PlannedStep, State
from knowledge.spec import ActionStep, RunbookSpec, split_key
from systems import patterns
from systems.graph import SystemGraph

_BRACES = re.compile(r"\{([a-z_]+)\}")
_UNNAMED = {"detail": "an unnamed part", "value": "many", "text": "no further detail"}
MAX_AGAINST = 8
CHANGE_BITS = 1.0  # shown of a change that may be behind it; what it counts depends on its time
ELSEWHERE = 0.1  # that something else showed what a cause does not explain


def hypothesis(
    cause: Cause,
    graph: SystemGraph,
    board: Board,
    probability: float,
    together: tuple[str, ...],
    blamed: tuple[Change | None, float],
    besides: Iterable[Cause] = (),
) -> Hypothesis:
    """One cause in words. `blamed`: the change it follows from, where there is one, and what tells so. `besides`: what
    else tells its story, and may be mended in its stead."""
    if cause.spec is None:
        return _of_change(cause, graph, board, probability, together)
    spec, (change, change_bits) = cause.spec, blamed
    names = bindings(cause, spec, graph, board)
    paths = [_steps(p, cause, names, graph, board) for p in spec.paths]
    for other in besides:
        goes_round = cause.is_change and not other.is_change  # what was changed is put back, not gone round
        if other.spec is not None and other.spec.id != spec.id and not goes_round:
            its = bindings(other, other.spec, graph, board)
            paths += [_steps(p, other, its, graph, board) for p in other.spec.paths]
    pro = _pro(cause, graph, board)
    if change is not None:
        pro.insert(0, Evidence("", change.component, f"shortly before: {change.words}", 0.0, "change"))
    return Hypothesis(
        component=cause.component,
        cause=spec.id,
        detail=names["detail"],
        probability=probability,
        title=spec.title,
        summary=_summary(spec.summary, names),
        members=cause.members,
        aliases=tuple(spec.aliases),
        category=spec.category,
        severity=spec.severity,
        prevent=fill(spec.prevent, names),
        evidence_for=tuple(pro),
        evidence_against=tuple(_con(cause, board)),
        paths=tuple(map(tuple, paths)),
        together_with=together,
        change=change,
        change_bits=change_bits,
        is_taken_back=spec.take_change_back,
    )


def _of_change(
    cause: Cause, graph: SystemGraph, board: Board, probability: float, together: tuple[str, ...]
) -> Hypothesis:
    """A change as the cause. How it is taken back is no runbook's matter: see agent/roles/diagnoser.py."""
    change = cause.change
    assert change is not None
    worst = max((board.true[i] for i in cause.explains), key=lambda n: n.weight, default=None)
    category = str(getattr(board.catalog.get(worst.signal), "category", "")) if worst else ""
    said = Evidence("", change.component, change.words, round(cause.bonus_bits, 2), "change")
    return Hypothesis(
        component=cause.component,
        cause=cause.id,
        detail=change.what,
        probability=probability,
        title=f"A change: {change.words}",
        summary=f"{cause.component} is in trouble since {change.words}",
        members=cause.members,
        category=category,
        evidence_for=(said, *_pro(cause, graph, board)),
        evidence_against=tuple(_con(cause, board)),
        together_with=together,
        kind="change",
        change=change,
    )


def _summary(text: str, names: dict[str, str]) -> str:
    """Filled in; a bracket with nothing to say is left out."""
    known = re.sub(r"\s*\(\{(\w+)\}\)", lambda m: m[0] if names.get(m[1]) else "", text)
    return fill(known, {k: v or _UNNAMED.get(k, "?") for k, v in names.items()})


def fill(text: str, names: dict[str, str]) -> str:
    """Replace {name} by what is known; unknown names stay as they are."""
    return _BRACES.sub(lambda m: names.get(m[1], m[0]), text)


def bindings(cause: Cause, spec: RunbookSpec, graph: SystemGraph, board: Board) -> dict[str, str]:
    """The names a runbook's texts and steps may use. '' where the evidence does not say."""
    names = {"component": cause.component, "cause": spec.id, "group": cause.component, "detail": ""}
    main: State | None = None
    if spec.detail:
        main = _holding(cause, graph, board, _key_of(spec, spec.detail))
        names["detail"] = _extract(main, spec.detail_pattern)
    keys = [*spec.requires, *spec.shows_one_of, *spec.symptoms]  # what defines it tells most
    held = (_holding(cause, graph, board, key) for key in keys)
    main = main or next((state for state in held if state is not None), None)
    names["value"] = _number(main.reading_value) if main else ""
    names["text"] = (main.text or main.label) if main else ""
    for name, var in spec.vars.items():
        seen = _holding(cause, graph, board, var.signal, var.pattern)
        names[name] = _extract(seen, var.pattern) or var.default
    return names


def _key_of(spec: RunbookSpec, signal: str) -> str:
    """The scope under which the runbook expects this signal."""
    return next((k for k in spec.symptoms if split_key(k)[0] == signal), signal)


def _holding(
    cause: Cause, graph: SystemGraph, board: Board, key: str, pattern: str | None = None
) -> State | None:
    """The holding state of a symptom key that fits best: matching text, then the highest value."""
    found: list[State] = []
    for signal, service, _ in targets(graph, board, cause.members, key):
        node = board.get(signal, service)
        if node is not None and node.value and (cause.spec is None or matches(cause.spec, node)):
            found += node.holding()
    if pattern:
        wanted = patterns.compiled(pattern)
        found = [s for s in found if wanted.search(s.text) or wanted.search(s.label)]
    return max(found, key=lambda s: s.reading_value or 0.0) if found else None


def _extract(state: State | None, pattern: str | None) -> str:
    if state is None:
        return ""
    if pattern is None:
        return state.label or state.text[:80]
    wanted = patterns.compiled(pattern)
    hit = wanted.search(state.text) or wanted.search(state.label)
    return ((hit[1] if hit.groups() else hit[0]) or "") if hit else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _steps(
    path: list[ActionStep], cause: Cause, names: dict[str, str], graph: SystemGraph, board: Board
) -> list[PlannedStep]:
    """Fill in a path; a step that asks for another kind or a symptom that does not hold is left out."""
    kinds = {graph.kinds.get(m, "") for m in cause.members}
    found = []
    for item in path:
        if item.kinds and not kinds & set(item.kinds):
            continue
        if item.when and _holding(cause, graph, board, item.when) is None:
            continue
        given = item.params.items()
        params: dict[str, Any] = {k: _value(v, names) if isinstance(v, str) else v for k, v in given}
        found.append(PlannedStep(item.action, fill(item.target, names), params))
    return found


def _value(text: str, names: dict[str, str]) -> str:
    """A parameter with its names filled in; '' when the evidence does not say one of them, never half a value."""
    if any(names.get(name) == "" for name in _BRACES.findall(text)):
        return ""
    return fill(text, names)


def say(board: Board, node: Node) -> str:
    """A node in the catalogue's words, with its strongest state's figures."""
    held = node.holding() or node.states
    state = max(held, key=lambda s: s.reading_value or 0.0)
    info = board.catalog.get(node.signal)
    describe = getattr(info, "describe", None)
    if describe is not None:
        return str(describe(state))
    title = getattr(info, "title", "") or f"{node.signal.replace('_', ' ')} on {{service}}"
    figure = _number(state.reading_value)
    names = {"service": node.service, "value": figure, "text": state.text, "label": state.label}
    return fill(title, names).strip()


def _pro(cause: Cause, graph: SystemGraph, board: Board) -> list[Evidence]:
    found = [
        Evidence(n.signal, n.service, say(board, n), CHANGE_BITS, board.source(n.signal))
        for n in behind(cause, graph, board)
    ]
    for number, bits in explained_bits(cause, board).items():
        node = board.true[number]
        if node.outright and cause.explains[number] <= OUTRIGHT:
            continue  # said outright, and not what this cause makes anybody say: it is not accounted for
        text = say(board, node)
        found.append(Evidence(node.signal, node.service, text, round(bits, 2), board.source(node.signal)))
    return sorted(found, key=lambda e: -e.bits)


_HOW = {
    "absent": "expected, but not seen: {what}",
    "other": "{what}, but not the way this cause would show it",
    "rules out": "speaks against it: {what}",
    "not yet": "too early to say that there is no trouble elsewhere: {what}",
    "not measured": "nothing measures whether {what}",
    "required": "would have to be there, and is not: {what}",
    "not in effect": "it is written, and counts only from the next start on: {what}",
    "too late": "it came after the trouble had begun: {what}",
}
_MISSING = ("absent", "required")


def _what(board: Board, signal: str, service: str) -> str:
    """What a signal says in general, in the catalogue's words: without the figures of a reading."""
    title = str(getattr(board.catalog.get(signal), "title", "") or signal.replace("_", " "))
    title = re.sub(r" \([^)]*\{[a-z]+\}[^)]*\)|: \{text\}", "", title).replace("{service}", service)
    words = _BRACES.sub("…", title)
    return words if service in words else f"{words} on {service}"


def _con(cause: Cause, board: Board) -> list[Evidence]:
    found = []
    for signal, service, how, bits in cause.against:
        text = _HOW[how].format(what=_what(board, signal, service))
        found.append(Evidence(signal, service, text, round(bits, 2), board.source(signal), how in _MISSING))
    for number, node in enumerate(board.true):
        if node.noted and number not in cause.explains:
            bits = -node_bits(node, 1 - ELSEWHERE) / 2
            text = f"not explained by this: {say(board, node)}"
            found.append(Evidence(node.signal, node.service, text, round(bits, 2), board.source(node.signal)))
    return sorted(found, key=lambda e: e.bits)[:MAX_AGAINST]


def unexplained(causes: list[Cause], board: Board) -> list[Evidence]:
    """Symptoms that none of the leading causes accounts for."""
    covered = {i for c in causes for i in c.explains}
    return [
        Evidence(n.signal, n.service, say(board, n), 0.0, board.source(n.signal))
        for i, n in enumerate(board.true)
        if n.noted and i not in covered
    ]
