"""Signs from series: when trouble began, and what of each component left normal then."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from incidents.foreign import kindrules, kinds, shifts
from incidents.foreign.lines import Line
from incidents.foreign.window import Window

QUIET_S = 6 * 3600.0
CAUSED = frozenset({"latency", "errors", "log errors", "queue", "traffic", "network"})  # often by others


@dataclass(frozen=True)
class Finding:
    """One series that left normal: `grade` 1 to 3. `kind` as in `signs.MEASURED`. `share`: its change, of the largest
    change of this metric at any component."""

    component: str
    kind: str
    grade: int
    metric: str
    shift: shifts.Shift
    unit: str = ""
    share: float = 1.0

    @property
    def strength(self) -> float:
        """For comparing components: how many spreads, and how many times normal, each by its logarithm; of errors,
        whose normal is next to nothing, how large the change is beside that of others."""
        if self.kind.startswith("errors"):
            return 4 + math.log2(1 + 1000 * self.share)
        spreads = math.log2(1 + min(abs(self.shift.z), 1e3))
        return spreads + math.log2(1 + min(abs(self.shift.relative), 1e3))


@dataclass
class Measured:
    """What left normal, and what did not."""

    window: Window
    found: list[Finding] = field(default_factory=list)
    calm: set[tuple[str, str]] = field(default_factory=set)  # (component, kind) that stayed normal
    components: set[str] = field(default_factory=set)


def judge(lines: list[Line], window: Window) -> Measured:
    """Every series against its own quiet part."""
    out = Measured(window, components={line.component for line in lines})
    if window.start is None or window.end is None:
        out.calm = {(line.component, line.kind) for line in lines}
        return out
    usual: dict[tuple[str, str], float] = defaultdict(float)
    ends: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in lines:
        key = (line.metric, line.kind)
        ends[key].append(float(line.t[-1]))
        usual[key] = max(usual[key], float(np.median(np.abs(line.v))))
    for line in lines:
        floor = usual[line.metric, line.kind] * kindrules.FLOOR.get(line.kind, kindrules.FLOOR_ELSE)
        found = shifts.shift(
            line.t,
            line.v,
            window.start,
            window.end,
            floor=_floor(line, floor),
            quiet_from=window.start - QUIET_S,
        )
        gone = _gone(line, window, ends[line.metric, line.kind])
        if gone is not None:
            out.found.append(gone)
        elif line.kind in ("cpu", "memory"):
            out.calm.add((line.component, "gone"))
        if found is None:
            continue
        finding = _fallen(line, found) or _finding(line, found)
        if finding is None:
            out.calm.add((line.component, line.kind))
        else:
            out.found.append(finding)
    out.found = _shared(out.found)
    out.calm -= {(f.component, f.kind) for f in out.found}
    return out


def _shared(found: list[Finding]) -> list[Finding]:
    """With what each changed beside the others; of how a part treats its callers only those near the largest change are
    far from normal, for the others have it from them."""
    size = {
        id(f): abs(f.shift.after - f.shift.before) if f.kind.startswith("errors") else abs(f.shift.relative)
        for f in found
    }
    largest: dict[tuple[str, str], float] = defaultdict(float)
    for f in found:
        largest[f.metric, f.kind] = max(largest[f.metric, f.kind], size[id(f)])
    out = []
    for f in found:
        share = size[id(f)] / (largest[f.metric, f.kind] or 1.0)
        most = 3 if f.kind not in CAUSED or share > 0.6 else 2 if share > 0.25 else 1
        out.append(replace(f, share=share, grade=min(f.grade, most)))
    return out


def _floor(line: Line, floor: float) -> float:
    if line.kind in ("errors", "errors own") and float(line.v.min()) >= 0 and float(line.v.max()) <= 1.0:
        return max(floor, kindrules.LEAST_SHARE)
    if line.kind in ("restarts", "up"):
        return 1.0
    if line.kind == "log errors":
        return 1.0
    return floor


def _finding(line: Line, s: shifts.Shift) -> Finding | None:
    kind, bad = line.kind, s.z > 0
    if kind == "traffic" and not bad:
        kind, bad = "traffic down", True
    elif line.down:
        bad = s.z < 0
    if not bad or kind not in kindrules.LIMITS:
        return None
    grade = kindrules.grade(kind, abs(s.z), abs(s.relative))
    limit = _limit(line, s)
    if limit and grade:
        grade = min(grade + 1, 3)
    return Finding(line.component, kind, grade, line.metric, s, line.unit) if grade else None


def _fallen(line: Line, s: shifts.Shift) -> Finding | None:
    """What a process uses falls to nothing: there is no process any more."""
    if line.kind not in ("cpu", "memory") or line.down or s.z > -6 or s.before <= 0:
        return None
    if s.after > 0.03 * s.before:
        return None
    return Finding(line.component, "gone", 3, line.metric, s, line.unit)


def _limit(line: Line, s: shifts.Shift) -> bool:
    """Whether a share came to its end: 90 % used and more, or next to nothing left."""
    if line.kind not in ("cpu", "memory", "disk", "saturation", "sockets"):
        return False
    words = kinds.words(line.metric)
    share = (
        "%" in line.unit
        or "ercent" in line.unit
        or any(w in words for w in ("percent", "pct", "utilization", "util", "ratio", "usage"))
    )
    top = 100.0 if float(line.v.max()) > 1.5 else 1.0
    if line.down:
        return s.after < 0.1 * max(s.before, 1e-12)
    return share and float(line.v.max()) <= 1.05 * top and s.after >= 0.9 * top


def _gone(line: Line, window: Window, ends: list[float]) -> Finding | None:
    """A series that was read all along and ends in the trouble, while most others of its metric go on (`ends`: when
    each of them does)."""
    assert window.start is not None and window.end is not None
    last = float(line.t[-1])
    if len(line.t) < 2 * shifts.LEAST or line.kind not in ("cpu", "memory", "traffic", "up", "latency"):
        return None
    step = float(np.median(np.diff(line.t)))
    rest = min(window.end, float(np.median(ends))) - last
    if len(ends) < 3 or last < window.start - 3 * step:
        return None
    if rest > max(5 * step, 60.0) and rest > 0.25 * (window.end - window.start):
        s = shifts.Shift(-50.0, -1.0, float(np.median(line.v)), 0.0, last)
        return Finding(line.component, "gone", 3, line.metric, s, line.unit)
    return None
