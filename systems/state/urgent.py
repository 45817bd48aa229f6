"""Whoever sees trouble begin in this process says so here: the ledger then reads at once, and what changed a moment
ago does not count as peace."""

from __future__ import annotations

from collections.abc import Callable

_waiting: dict[str, list[Callable[[bool], None]]] = {}


def hear(slug: str, call: Callable[[bool], None]) -> None:
    """`call(in trouble)` from any thread when `trouble` or `over` is told of this system."""
    _waiting.setdefault(slug, []).append(call)


def leave(slug: str, call: Callable[[bool], None]) -> None:
    calls = _waiting.get(slug, [])
    if call in calls:
        calls.remove(call)
    if not calls:
        _waiting.pop(slug, None)


def trouble(slug: str) -> None:
    """A symptom has opened."""
    for call in list(_waiting.get(slug, ())):
        call(True)


def over(slug: str) -> None:
    """No symptom is open any more."""
    for call in list(_waiting.get(slug, ())):
        call(False)
