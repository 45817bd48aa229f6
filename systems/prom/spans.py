"""How far back the shares of requests look: to as many requests as tell something, and not past a turn.

Where requests come seldom a minute is looked at. When the share that fails in the newest part of it is clearly another
one than before, what was before says nothing of now: the window ends there, as in adaptive windowing (Bifet and
Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007), with Fisher's exact test as the bound.
"""

from __future__ import annotations

from collections.abc import Collection
from math import comb

from systems.prom.counting import together
from systems.prom.source import Source

ENOUGH = 40  # requests: a longer window is taken until there are so many
SPAN_S, MOST_S = 10.0, 60.0
LOOKS = 2.5  # a window covers at least so many looks
TURNED = 0.01  # as unlikely as this by chance
TURNED_WELL = 0.05  # where nothing fails any more: the next look sees whether it holds


def shortest(sources: Collection[Source]) -> float:
    return max([SPAN_S, *(LOOKS * s.gap_s for s in sources)])


def telling(sources: Collection[Source], metric: str) -> float:
    """The span in seconds for the shares of a metric's requests."""
    span = shortest(sources)
    longest = max(MOST_S, span)
    failed, requests = _counts(sources, metric, span)
    newest = max([span / 2, *(LOOKS * s.gap_s for s in sources)])
    if newest < span:
        now_failed, now = _counts(sources, metric, newest)
        if _has_turned(now_failed, now, failed - now_failed, requests - now):
            return newest
    while span < longest and requests < ENOUGH:
        wider = min(longest, span * 2)
        more_failed, more = _counts(sources, metric, wider)
        if _has_turned(failed, requests, more_failed - failed, more - requests):
            return span
        span, failed, requests = wider, more_failed, more
    return span


def _has_turned(failed: int, of: int, failed_before: int, of_before: int) -> bool:
    return chance(failed, of, failed_before, of_before) < (TURNED if failed else TURNED_WELL)


def _counts(sources: Collection[Source], metric: str, span: float) -> tuple[int, int]:
    """How many failed, of how many."""
    counts = together(s.window.over(span) for s in sources)[1].counts
    mine = [(slot[2], n) for slot, n in counts.items() if slot[0] == metric]
    return round(sum(n for status, n in mine if status == "5")), round(sum(n for _, n in mine))


def chance(failed: int, of: int, failed_before: int, of_before: int) -> float:
    """How likely a share at least as far from the one before is when nothing has changed: Fisher's exact test, of the
    side on which it lies. 1 where there is nothing to compare."""
    bad, all_ = failed + failed_before, of + of_before
    if not (of > 0 and of_before > 0 and 0 <= failed <= of and 0 <= failed_before <= of_before):
        return 1.0
    fewer = failed * of_before <= failed_before * of
    tail = range(max(0, bad - of_before), failed + 1) if fewer else range(failed, min(bad, of) + 1)
    return sum(comb(bad, k) * comb(all_ - bad, of - k) for k in tail) / comb(all_, of)
