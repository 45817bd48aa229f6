"""A smaller bundle: without the series that no signal reads, and with log lines that no signal looks for only once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from incidents.bundles import Bundle
from incidents.bundles.folder import LOGGED
from incidents.signals import CATALOG
from incidents.signals.detectors import NewError
from incidents.signals.keys import Keys
from incidents.signals.logscan import READ, Scanner
from incidents.signals.quiet import Quiet
from systems.readings import Reading

FIGURES = 4  # significant ones of a value
ALWAYS = ("unit.", "journey.ok", READ)  # what judging rests on beside the signals' own
SHOWN = ("symptom", "cleared", "state", "hypotheses", "check", "plan", "action", "handover")
BARS = 3  # hypotheses kept of an event


def thin(bundle: Bundle) -> Bundle:
    """The same case for today's signals; a signal that is added later may miss something in it."""
    wanted = _Wanted()
    ticks = [replace(t, readings=[_short(r) for r in t.readings if wanted(r)]) for t in bundle.ticks]
    events = [_event(e) for e in bundle.timeline if e["kind"] in SHOWN]
    return replace(bundle, ticks=ticks, timeline=events, head={**bundle.head, "thinned": True})


class _Nothing:
    """A system of no parts: lines are searched without it."""

    services: ClassVar[dict[str, object]] = {}

    def dependencies(self, name: str) -> set[str]:
        return set()


class _Wanted:
    """Whether a signal of today reads a reading."""

    def __init__(self) -> None:
        self._scanner = Scanner(CATALOG, Keys(), Quiet(_Nothing()))
        self._kinds = [s.detector for s in CATALOG.values() if isinstance(s.detector, NewError)]
        self._metrics: dict[str, bool] = {}
        self._told: set[tuple[str, str]] = set()

    def __call__(self, reading: Reading) -> bool:
        if reading.metric in LOGGED:
            return self._line(reading)
        found = self._metrics.get(reading.metric)
        if found is None:
            found = self._metrics[reading.metric] = self._read(reading.metric)
        return found

    def _line(self, reading: Reading) -> bool:
        if reading.metric != LOGGED[0]:  # no signal reads what is merely new
            return False
        text = reading.text or reading.label
        if self._scanner.hits(text) or any(k.kind(text) for k in self._kinds):
            return True
        first = (reading.service, reading.label) not in self._told
        self._told.add((reading.service, reading.label))
        return first

    def _read(self, metric: str) -> bool:
        if metric.startswith(ALWAYS):
            return True
        return any(
            s.matches(metric) or s.negative_from == metric or getattr(s.detector, "peer", "") == metric
            for s in CATALOG.values()
            if s.source != "check"
        )


def _short(reading: Reading) -> Reading:
    """With fewer figures."""
    value = reading.value
    if value is None or not math.isfinite(value) or value == int(value):
        return reading
    value = float(f"{value:.{FIGURES}g}")
    return Reading(reading.service, reading.metric, value, reading.text, reading.label)


def _event(event: dict[str, object]) -> dict[str, object]:
    data = event["data"]
    if event["kind"] != "hypotheses" or not isinstance(data, dict):
        return event
    bars = [
        {k: h.get(k) for k in ("key", "component", "cause", "detail", "probability", "stated")}
        for h in data.get("hypotheses", [])[:BARS]
    ]
    return {**event, "data": {"hypotheses": bars}}
