"""What manifests declare (`readings`, `words`): one entry for each class and grade, whatever the system calls them.

The probe says by how much a value is beyond what it should be, in the words of the manifest; what is only to be usual
is judged here, against its own past. A reading's name is the label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from incidents.signals.adaptive import Baseline
from incidents.signals.base import ALWAYS, Describable, Hold, Klass, Severity, Signal
from incidents.signals.detectors import Detector, Memory, Sample, Verdict
from systems.manifest import watched
from systems.readings import clean

Grade = Literal["low", "medium", "high", "context"]
GRADES: tuple[Grade, ...] = get_args(Grade)
CLASSES: tuple[watched.Klass, ...] = get_args(watched.Klass)
LEAK = 0.01
LEAK_OF_A_LIMIT = 0.002  # somebody who knows the part has said that this is wrong
OF_TIME = ("slow", "starves", "flow")  # these rest on timing


@dataclass(frozen=True, slots=True)
class Beyond:
    """True when the value is beyond what it should be by anything. It was looked at every few seconds only and had to
    hold: `window_s`, by how much later it is known than it began."""

    window_s: float = 10.0

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        return None if sample.value is None else sample.value > 0


class Usual(Baseline):
    """A baseline that has to be learnt also where the label is new to a system that had settled: what is new there may
    be the manifest."""

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        return Baseline.judge(self, memory, replace(sample, fresh=False))


@dataclass(frozen=True)
class Told(Signal):
    """A signal whose title is what the probe says."""

    @property
    def is_declared(self) -> bool:
        return True

    def describe(self, state: Describable) -> str:
        if state.text:
            return super().describe(state)
        return clean(f"{state.label} of {state.service} is not what it should be", 300)


MORE = Usual(factor=3, floor=0)
LESS = Usual(factor=3, floor=math.inf, below=True)


def _signal(klass: Klass, grade: Grade, learnt: Literal["", "more", "less"] = "") -> Signal:
    severity: Severity = "low" if grade == "context" else grade
    judged: dict[str, Detector] = {"": Beyond(), "more": MORE, "less": LESS}
    usual = {"": "", "more": ", far more than usual", "less": ", far less than usual"}[learnt]
    return Told(
        "_".join(filter(None, ("declared", klass, grade, learnt))),
        f"{{text}}{usual}",
        ".".join(filter(None, ("declared", klass, grade, learnt))),
        judged[learnt],
        "declared",
        severity=severity,
        hold=Hold(3, 4.0) if learnt else Hold(),
        leak=LEAK if learnt or grade == "context" else LEAK_OF_A_LIMIT,
        opens=grade != "context",
        settle=True,
        klass=klass,
        timing=ALWAYS if learnt or klass in OF_TIME else None,
    )


SIGNALS = [
    _signal(klass, grade, learnt) for klass in CLASSES for grade in GRADES for learnt in ("", "more", "less")
]
