"""What a signal is, and the state of one signal on one service."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from incidents.plain import gist
from incidents.signals.detectors import Detector
from systems.readings import clean

Source = Literal["log", "metric", "state", "probe", "check"]
Severity = Literal["low", "medium", "high", "critical"]
ALWAYS = ""  # as a pattern: every text
# Silence, lateness and what follows from them; not a plain word of the part, or of the machine it should run on.
UNLESS_PLAIN = (
    r"^(?!.*(refused|FATAL|no such|does not exist|permission|certificate|invalid|status 4(?!08|29)\d\d))"
)


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a verdict must hold before it counts: observations and seconds, both."""

    ticks: float = 1
    seconds: float = 0.0


@dataclass(slots=True)
class SignalState:
    """One signal on one service now. `value` None: the source was not read, which says nothing either way. `read`: when
    the source last gave a verdict, None when it never did (or nobody knows)."""

    signal: str
    service: str
    label: str
    value: bool | None
    reading_value: float | None
    text: str
    since: datetime | None
    source: str
    read: datetime | None = None


class Describable(Protocol):
    """Anything with the facts of a signal's state; a SignalState is one."""

    @property
    def service(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def reading_value(self) -> float | None: ...


@dataclass(frozen=True)
class Signal:
    """One entry of the catalogue.

    `title` may use {service} {label} {value} {share} {text}. `metric` is a reading's name, or a prefix ending in `*`.
    `opens`: may open an incident by itself; the others are context. `noted`: its symptom is kept and shown;
    else it only speaks to the diagnosis. `negative_from`: when this metric was read and no
    reading of `metric` came, the signal is false rather than unknown. `soft`: readings whose text matches count only
    `soft_weight`, because a busy machine produces them too. `settle`: not judged while the service itself, or something
    it needs, has just been restarted on request. `telling`: which symptom gives an incident its title. `quorum`: when
    this many labels fail at once, nobody waits for the hold. `outright`: at error level this is the part's own word for
    what is wrong with it: no inference replaces it. `outlives_restart`: and the same process started again would say
    the same (a setting, a port, a permission, a credential). `timing`: texts (ALWAYS: all) whose verdict rests on
    timing or silence, and so says nothing while the watcher itself gets too little of the machine; None: never.
    """

    id: str
    title: str
    metric: str
    detector: Detector
    category: str
    source: Source = "metric"
    severity: Severity = "medium"
    hold: Hold = Hold()
    clear: Hold = Hold(2)
    leak: float = 0.01
    cost: float = 0.0
    trust: float = 0.9
    opens: bool = True
    noted: bool = True
    negative_from: str = ""
    soft: str = ""
    soft_weight: float = 0.6
    settle: bool = False
    telling: int = 50
    quorum: int = 0
    name_pattern: str = ""
    outright: bool = False
    outlives_restart: bool = False
    timing: str | None = None

    def matches(self, metric: str) -> bool:
        """Whether readings called `metric` feed this signal."""
        if not self.metric.endswith("*"):
            return metric == self.metric
        if not metric.startswith(self.metric[:-1]):
            return False
        return not self.name_pattern or re.search(self.name_pattern, metric) is not None

    def is_timing(self, text: str) -> bool:
        """Whether a reading with this text speaks of timing or silence only."""
        return self.timing is not None and re.search(self.timing, text, re.I) is not None

    def describe(self, state: Describable) -> str:
        """The title with the facts filled in, in plain words."""
        value = state.reading_value
        number = (
            "?"
            if value is None
            else f"{value:.0f}"
            if abs(value) >= 10 or value == int(value)
            else f"{value:.2g}"
        )
        share = "?" if value is None else "all" if value >= 0.995 else f"{value:.0%}"
        facts = {
            "service": state.service,
            "label": state.label,
            "value": number,
            "share": share,
            "text": gist(state.text),
        }
        words = re.sub(r"\{(\w+)\}", lambda m: facts.get(m[1], m[0]), self.title)
        return clean(words.replace(" ()", "").removesuffix(": "), 300)
