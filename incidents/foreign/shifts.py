"""Whether, when and how far a series left what was normal: robust change points, against its own quiet part.

The spread of the quiet part is the larger of the median absolute deviation and the distance of its 99th percentile
(over 2.33), so that a series that has bursts in peace is not strange for having one. Compare Pham et al.,
"BARO" (2024),
which scores the largest deviation after the change by median and interquartile range before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = 8  # points to judge a series
LEAST_QUIET = 4
GUARD = 0.02  # of the quiet part, next to the change, that counts as neither


@dataclass(frozen=True)
class Shift:
    """`z`: the lasting deviation in spreads; `relative`: to what was normal (or to `floor`, if that is more);
    positive up. `onset`: when it began. `after` is the value it went to, `before` the normal one. `ended`: back to
    normal since."""

    z: float
    relative: float
    before: float
    after: float
    onset: float
    ended: float | None = None


def prepared(times: Floats, values: Floats, *, count: bool) -> tuple[Floats, Floats]:
    """In order, one value a moment, counters as rates."""
    order = np.argsort(times, kind="stable")
    t, v = times[order], values[order]
    keep = np.isfinite(v)
    t, v = t[keep], v[keep]
    if len(t) > 1 and np.any(np.diff(t) == 0):
        moments, start = np.unique(t, return_index=True)
        v = np.add.reduceat(v, start) / np.diff(np.append(start, len(v)))
        t = moments
    if len(t) >= LEAST and _counts(v, named=count):
        step = np.diff(t)
        rise = np.diff(v)
        good = (step > 0) & (rise >= 0)
        return t[1:][good], rise[good] / step[good]
    return t, v


def _counts(v: Floats, *, named: bool) -> bool:
    """Whether values only rise, as a counter's do, over most of the time."""
    rise = np.diff(v)
    resets = np.sum(rise < 0)
    rising = np.mean(rise > 0)
    if resets > max(1, 0.01 * len(rise)):
        return False
    span = float(v.max() - v.min())
    return bool(rising > (0.3 if named else 0.9) and span > 0 and (named or v[0] > span * 0.2))


def change_point(t: Floats, v: Floats) -> tuple[float, float]:
    """(time, strength) of the one split that parts the values best: the t statistic of the means, values clipped
    to five spreads around the median first so that one outlier makes no change."""
    n = len(v)
    if n < LEAST:
        return 0.0, 0.0
    middle = np.median(v)
    spread = np.median(np.abs(v - middle)) * 1.4826
    if spread == 0:
        spread = float(np.std(v)) or 0.0
    if spread == 0:
        return 0.0, 0.0
    x = np.clip((v - middle) / spread, -5, 5)
    sums = np.cumsum(x)
    k = np.arange(1, n)
    left = sums[:-1] / k
    right = (sums[-1] - sums[:-1]) / (n - k)
    least = max(2, n // 50)
    score = np.abs(left - right) * np.sqrt(k * (n - k) / n)
    score[: least - 1] = 0
    score[n - least :] = 0
    best = int(np.argmax(score))
    rest = x - np.where(np.arange(n) <= best, left[best], right[best])
    noise = max(float(np.std(rest)), 0.25)
    return float(t[best + 1]), float(score[best] / noise)


def burst(t: Floats, v: Floats) -> tuple[float, float, float]:
    """(start, end, strength) of the strongest run of strange values in a series that is mostly quiet."""
    if len(v) < 4 * LEAST:
        return 0.0, 0.0, 0.0
    smooth = rolling(v)
    middle = float(np.median(smooth))
    spread = _spread(smooth, middle, 0.8)  # the run itself may be a fifth of what was recorded
    if spread == 0:
        return 0.0, 0.0, 0.0
    far = np.abs(smooth - middle) / spread
    peak = int(np.argmax(far))
    if far[peak] < 6:
        return 0.0, 0.0, 0.0
    limit = max(3.0, far[peak] * 0.3)
    start = end = peak
    while start > 0 and far[start - 1] > limit:
        start -= 1
    while end < len(far) - 1 and far[end + 1] > limit:
        end += 1
    if end == start or end - start > 0.35 * len(v):
        return 0.0, 0.0, 0.0
    return float(t[start]), float(t[end]), float(min(far[peak], 50.0))


def rolling(v: Floats) -> Floats:
    """The median of three neighbours: one value alone is no sign."""
    if len(v) < 3:
        return v
    inner = np.median(np.stack([v[:-2], v[1:-1], v[2:]]), axis=0)
    return np.concatenate([v[:2].mean(keepdims=True), inner, v[-2:].mean(keepdims=True)])


def _spread(v: Floats, middle: float, quantile: float = 0.99) -> float:
    away = np.abs(v - middle)
    return float(
        max(np.median(away) * 1.4826, np.quantile(away, quantile) / (2.33 if quantile > 0.95 else 1.28))
    )


def shift(
    t: Floats, v: Floats, start: float, end: float, *, floor: float, quiet_from: float | None = None
) -> Shift | None:
    """What happened to a series from `start` to `end`, against what it was before; None when there is too little of it.
    `floor`: a change of this much is one by its full size, however small the normal value is."""
    quiet = (t < start - GUARD * max(start - t[0], 0)) & (
        t >= (quiet_from if quiet_from is not None else t[0])
    )
    inside = (t >= start) & (t <= end)
    if quiet.sum() < LEAST_QUIET or inside.sum() < 2:
        return None
    calm, trouble = v[quiet], v[inside]
    middle = float(np.median(calm))
    spread = max(_spread(calm, middle), 0.02 * abs(middle), 0.02 * floor, 1e-12)
    smooth = rolling(trouble) if inside.sum() >= 5 else trouble
    up, down = float(_top(smooth)), float(-_top(-smooth))
    value = up if up - middle >= middle - down else down
    z = (value - middle) / spread
    where = t[inside]
    past = np.abs(smooth - middle) > max(3 * spread, 0.4 * abs(value - middle))
    if np.sign(z) > 0:
        past &= smooth > middle
    else:
        past &= smooth < middle
    first = int(np.argmax(past)) if past.any() else 0
    last = len(past) - 1 - int(np.argmax(past[::-1])) if past.any() else 0
    over = float(where[last]) if last < len(past) - max(3, 0.1 * len(past)) else None
    base = max(abs(middle), floor, 1e-12)
    return Shift(z, (value - middle) / base, middle, value, float(where[first]), over)


def _top(v: Floats) -> float:
    """What the highest tenth (three values at least) reaches: a peak that lasts."""
    k = min(len(v), max(3, len(v) // 10))
    return float(np.median(np.partition(v, len(v) - k)[len(v) - k :]))
