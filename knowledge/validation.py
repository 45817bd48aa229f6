"""What is wrong with a runbook, by line. The action catalogue and the self-test are put in from above."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from incidents.signals import CATALOG
from knowledge.document import Document, Problem
from knowledge.spec import BUILT_IN_NAMES, RunbookSpec, parse

# Gets the runbook and all others; returns (key of the front matter, what is wrong, level).
Check = Callable[[RunbookSpec, Sequence[RunbookSpec]], list[tuple[str, str, str]]]

_actions: list[Callable[[], Collection[str]]] = []
_declared: list[Callable[[], Collection[str]]] = []
_checks: list[Check] = []


def register(
    *,
    actions: Callable[[], Collection[str]] | None = None,
    declared: Callable[[], Collection[str]] | None = None,
    check: Check | None = None,
) -> None:
    """Called once by the composition root: where known action slugs come from, and further checks. `declared`: those of
    single systems, asked only for what no other is called."""
    if actions is not None:
        _actions[:] = [actions]
    if declared is not None:
        _declared[:] = [declared]
    if check is not None and check not in _checks:
        _checks.append(check)


def problems_of(text: str, others: Sequence[RunbookSpec] = ()) -> tuple[RunbookSpec | None, list[Problem]]:
    """The spec when it can be built, and every problem; `error` ones forbid saving. `others`: the other runbooks."""
    spec, document, problems = parse(text)
    if spec is not None:
        CATALOG.refresh()
        problems += _signals(spec, document)
        problems += _actions_known(spec, document)
        problems += _names(spec, document)
        problems += _among(spec, document, others)
        if not any(p.level == "error" for p in problems):
            for check in _checks:
                found = check(spec, others)
                problems += [Problem(document.line_of((key,)), text_, level) for key, text_, level in found]
    return spec, sorted(problems, key=lambda p: p.line)


def _signals(spec: RunbookSpec, document: Document) -> list[Problem]:
    found = []
    for path, signal in spec.signals():
        if signal not in CATALOG:
            near = _nearest(signal, CATALOG)
            hint = f"; did you mean {near}?" if near else ""
            found.append(Problem(document.line_of(path), f"unknown signal {signal!r}{hint}"))
    named = {s for _, s in spec.signals() if _ and _[0] in ("symptoms", "requires")}
    for key in spec.match:
        if key in CATALOG and key not in named:
            line = document.line_of(("match", key))
            found.append(
                Problem(line, f"match: {key} is not among the symptoms, so it has no effect", "warning")
            )
    return found


def _actions_known(spec: RunbookSpec, document: Document) -> list[Problem]:
    if not _actions:
        return []
    known = {a.replace("_", "-") for a in _actions[0]()}
    paths = [(("actions",), spec.actions), *((("fallbacks", i), p) for i, p in enumerate(spec.fallbacks))]
    if any(item.action.replace("_", "-") not in known for _, steps in paths for item in steps):
        known |= {name for names in _declared for name in names()}
    found = []
    for path, steps in paths:
        for number, item in enumerate(steps):
            if item.action.replace("_", "-") not in known:
                near = _nearest(item.action.replace("_", "-"), known)
                hint = f"; did you mean {near}?" if near else ""
                line = document.line_of((*path, number))
                found.append(Problem(line, f"unknown action {item.action!r}{hint}"))
    return found


def _names(spec: RunbookSpec, document: Document) -> list[Problem]:
    known = BUILT_IN_NAMES | spec.vars.keys()
    return [
        Problem(document.line_of(path), f"{{{name}}} is not a name that is filled in; declare it under vars")
        for path, name in spec.names_used()
        if name not in known
    ]


def _among(spec: RunbookSpec, document: Document, others: Sequence[RunbookSpec]) -> list[Problem]:
    found = []
    for other in others:
        if other.id == spec.id:
            found.append(Problem(document.line_of(("id",)), f"the id {spec.id!r} is taken"))
        if spec.id in other.aliases or other.id in spec.aliases:
            found.append(Problem(document.line_of(("id",)), f"an alias clashes with {other.id!r}"))
        if _alike(spec, other):
            text = f"no signal can tell it from {other.id!r}: same symptoms, weights, scopes and definitions"
            found.append(Problem(document.line_of(("symptoms",)), text))
    return found


def _alike(a: RunbookSpec, b: RunbookSpec) -> bool:
    """Two causes that predict exactly the same on a component both apply to."""
    shared = set(a.applies_to) & set(b.applies_to) or "any" in (*a.applies_to, *b.applies_to)
    same = a.symptoms == b.symptoms and a.match == b.match
    return (
        bool(shared) and same and set(a.rules_out) == set(b.rules_out) and set(a.requires) == set(b.requires)
    )


def _nearest(word: str, known: Collection[str]) -> str:
    import difflib

    found = difflib.get_close_matches(word, list(known), 1, 0.7)
    return found[0] if found else ""
