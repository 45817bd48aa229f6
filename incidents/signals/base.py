"""What a signal is, and the state of one signal on one service."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, Protocol

from incidents.plain import gist
from incidents.signals.detectors import Detector
from systems.logs.reading import rank_of
from systems.readings import clean

Source = Literal["log", "metric", "state", "probe", "check"]
Severity = Literal["low", "medium", "high", "critical"]
# What a signal is a sign of, which says who can bring it about. `own`: the part's own state (it ended, its disk is
# full, its configuration does not parse): only the part itself, or a change to it. How it treats its callers,
# `refuses`, `fails`, `slow`, `starves`: itself, or something it needs that treats it so. `flow`: work goes through, or
# does not: itself, or what puts in and takes out. `words`: what logs say; weak, and anything may bring it about.
Klass = Literal["own", "refuses", "fails", "slow", "starves", "flow", "words"]
# Who says so: the part itself, who calls it (the watcher included), a synthetic journey, real traffic, a log line, or
# an answer to a question.
Author = Literal["self", "caller", "journey", "traffic", "log", "check"]
Quality = Literal["sure", "unsure"]
SLICED = ("journey", "traffic")  # of these authors a label is a part of the work
ONSET_SLACK_S = 3.0  # two looks and the time between them: onsets closer than this have no order
ERROR = 2  # rank of a record at error level
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
    """One signal on one service now. `value` None: the source was not read, which says nothing either way.

    `onset`: when the value began to be what it is. `fresh`: when the source last gave a verdict, None when it never
    did (or nobody knows). `quality` unsure: one sentence only, or the watcher had too little of the machine.
    `slice`: the part of the work it speaks of, "" for all of it.
    """

    signal: str
    service: str
    label: str
    value: bool | None
    reading_value: float | None
    text: str
    onset: datetime | None
    source: str
    fresh: datetime | None = None
    quality: Quality = "sure"
    author: Author = "self"
    slice: str = ""


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

    `title` may use {service} {label} {value} {share} {text}. `metric` is a reading's name, or a prefix ending
    in `*`. `klass`: what it is a sign of. `opens`: may open an incident by itself; the others are context.
    `noted`: its symptom is kept and shown; else it only speaks to the diagnosis. `lasting`:
    context that belongs to trouble which comes long after it, too. `negative_from`: when this
    metric was read and no reading of `metric` came, the signal is false rather than unknown. `soft`: readings
    whose text matches count only `soft_weight`, because a busy machine produces them too. `settle`: not judged
    while the service itself, or something it needs, has just been restarted on request. `changed`: the sign
    that something settled is not what it was, harmful or not: it explains, and asks for no explanation.
    `put_back`: what it is a sign of has to be back before a repair of it counts, whoever still suffers.
    `moved_by`: the kinds of change (systems/state) that bring it about by themselves; of those kinds that say nothing
    of what was changed (a setting is of anything) those whose name `by_name` matches, where it is given.
    `led_by`: the names of settings that may bring it about in the long run, beside much else. `turns_away`: it tells
    of whoever comes while a limit is reached, however came to reach it. `quorum`:
    when this many labels fail at once, nobody waits for the hold. `outright`: at error level this is the part's own
    word for what is wrong with it: no inference replaces it. `outlives_restart`: and the same process started again
    would say the same (a setting, a port, a permission, a credential). `down`: while it holds the part does nothing
    for anybody; such signals also tell whether the part can be seen at all. `of_past_run`: tells of a run of the
    process that has ended, and so holds for a while after it is over. `by_restart`: a stop or start on request may
    bring it about. `shows_work`: measured false, work for somebody is seen going through. `timing`: texts (ALWAYS:
    all) whose verdict rests on timing or silence, and so says nothing while the watcher itself gets too little of the
    machine; None: never. `tried_by`: the check that tries the very thing which texts matching `tried_texts`
    tell of, on the part itself or on what it needs: where it answers no, they are not believed. `dark`: texts of looks
    that brought no value, which what is seen later may have begun with. `late_s`: by how much it may be seen after what
    it tells of, at most, because single looks show it by chance. `fills`: tells how much is kept there, which whoever
    puts it there may be behind. `entails`: signals of the same part that come
    with it, whatever its cause. `of_part`, `of_label`: the only ones that it judges.
    """

    id: str
    title: str
    metric: str
    detector: Detector
    category: str
    klass: Klass = field(kw_only=True)
    source: Source = "metric"
    severity: Severity = "medium"
    hold: Hold = Hold()
    clear: Hold = Hold(2)
    leak: float = 0.01
    cost: float = 0.0
    trust: float = 0.9
    opens: bool = True
    noted: bool = True
    lasting: bool = False
    negative_from: str = ""
    soft: str = ""
    soft_weight: float = 0.6
    settle: bool = False
    changed: bool = False
    put_back: bool = False
    moved_by: tuple[str, ...] = ()
    by_name: str = ""
    led_by: str = ""
    turns_away: bool = False
    quorum: int = 0
    name_pattern: str = ""
    outright: bool = False
    outlives_restart: bool = False
    down: bool = False
    of_past_run: bool = False
    by_restart: bool = False
    shows_work: bool = False
    timing: str | None = None
    tried_by: str = ""
    tried_texts: str = ALWAYS
    dark: str = ""
    late_s: float = 0.0
    fills: bool = False
    entails: tuple[str, ...] = ()
    of_part: str = ""
    of_label: str | None = None

    @cached_property
    def author(self) -> Author:
        """Who says so, as far as where it is read tells."""
        if self.source in ("log", "check"):
            return "log" if self.source == "log" else "check"
        if self.metric.startswith("journey."):
            return "journey"
        if self.metric.startswith("app."):
            return "traffic"
        return "caller" if self.source == "probe" else "self"

    @property
    def is_declared(self) -> bool:
        """Whether it is there only where a manifest declares it."""
        return False

    @property
    def of_a_limit(self) -> bool:
        """Whether it says that a limit is not what it was: set while the part ran, with no file to put it back from."""
        return self.changed and "limit" in self.moved_by

    @property
    def of_a_run(self) -> bool:
        """Whether its memory is of one run of a process: counted while it ran, or said by it."""
        ours = self.source == "log" or self.metric.startswith(("unit.", "proc.", "child."))
        return ours and hasattr(self.detector, "window_s")

    @property
    def lag_s(self) -> float:
        """By how much the onset may be later than what it is a sign of: a trend must first have been one."""
        window = float(getattr(self.detector, "window_s", 0.0)) if self.source != "log" else 0.0
        return ONSET_SLACK_S + max(window, self.hold.seconds, self.late_s)

    @property
    def shows_after_s(self) -> float:
        """How long a process has to run before a trend of it can show at all, seconds; 0 where that is no matter."""
        uptime = float(getattr(self.detector, "min_uptime_s", 0.0))
        return uptime + float(getattr(self.detector, "window_s", 0.0)) + self.hold.seconds if uptime else 0.0

    def opens_by(self, text: str) -> bool:
        """Whether it may open an incident by itself with this text: of what is said, only a record at error level."""
        return self.opens and (self.metric != "log.template" or rank_of(text) >= ERROR)

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
