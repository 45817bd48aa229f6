"""A smaller bundle: without the series that no signal reads, and with log lines that no signal looks for only once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from incidents.bundles import Bundle
from incidents.bundles.folder import LOGGED
from incidents.signals import CATALOG
from incidents.signals.detectors import NewError
from incidents.signals.judging.keys import Keys
from incidents.signals.judging.logscan import LEARN_S, READ, Scanner
from incidents.signals.judging.quiet import Quiet
from systems.graph import SystemGraph
from systems.readings import Reading

FIGURES = 4  # significant ones of a value
LEAD_IN_S = LEARN_S + 5  # quiet that is kept: in less no kind of error would be known yet
ALWAYS = ("unit.", "journey.ok", READ)  # what judging rests on beside the signals' own
SHOWN = ("symptom", "cleared", "unread", "state", "hypotheses", "check", "plan", "action", "handover")
BARS = 3  # hypotheses kept of an event
CHANGED_S = 600.0  # before the trouble, from which changes are kept
NORMAL = 20  # values kept of what was normal


def thin(bundle: Bundle) -> Bundle:
    """The same case for today's signals; a signal that is added later may miss something in it."""
    wanted = _Wanted(bundle.manifest.system)
    first = next((t.at for t in bundle.ticks if t.at >= bundle.trouble_from - LEAD_IN_S), 0.0)
    ticks = [
        replace(t, at=t.at - first, readings=[_short(r) for r in t.readings if wanted(r)])
        for t in bundle.ticks
        if t.at >= first
    ]
    return replace(
        bundle,
        start=bundle.time(first),
        trouble_from=bundle.trouble_from - first,
        ticks=ticks,
        normal=[[*name, [_figures(v) for v in values[-NORMAL:]]] for *name, values in bundle.normal],
        changes=[c for c in bundle.changes if c.first_new >= bundle.time(bundle.trouble_from - CHANGED_S)],
        timeline=[_event(e) for e in bundle.timeline if e["kind"] in SHOWN],
        head={**bundle.head, "thinned": True},
    )


class _Wanted:
    """Whether a signal of today reads a reading of this system."""

    def __init__(self, system: str) -> None:
        self._signals = CATALOG.of(system)
        self._scanner = Scanner(self._signals, Keys(), Quiet(SystemGraph({}, {})), CATALOG.words(system))
        self._kinds = [s.detector for s in self._signals.values() if isinstance(s.detector, NewError)]
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
            for s in self._signals.values()
            if s.source != "check"
        )


def _short(reading: Reading) -> Reading:
    """With fewer figures."""
    value = None if reading.value is None else _figures(reading.value)
    if value == reading.value:
        return reading
    return Reading(reading.service, reading.metric, value, reading.text, reading.label)


def _figures(value: float) -> float:
    whole = not math.isfinite(value) or value == int(value)
    return value if whole else float(f"{value:.{FIGURES}g}")


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """Words, and of the data what a replay reads or is compared with."""
    if event["kind"] == "check":
        return event
    bars = [
        {k: h.get(k) for k in ("key", "component", "cause", "detail", "probability", "stated")}
        for h in event["data"].get("hypotheses", [])[:BARS]
    ]
    return {**event, "body": "", "data": {"hypotheses": bars} if bars else {}}
