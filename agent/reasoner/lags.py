"""How much the time tells that lies between a cause and its trouble.

Trouble that a change makes follows soon after, and ever less often later (its density falls as 1/t up to a day); a
change that has nothing to do with it lies anywhere. So what tells is the ratio of the two, with the rate of changes in
peace.
"""

from __future__ import annotations

import math

from agent.reasoner.board import ORDER_S, Board
from agent.reasoner.causes import EXCLUDED_BITS, Cause

PEACE_S = 1800.0  # between two changes to one part that harm nothing
T0_S, LONGEST_S = 5.0, 86_400.0
ROLLED_OUT_S = {"commit": 300.0, "deploy": 60.0}  # such a one has yet to be built, or to reach all replicas
UNTIMED_BITS = 1.0  # when nobody knows which was first
PROMPT_S = 15.0  # what a cause brings about comes within this, or loses credit by its delay


def lag_bits(lag_s: float, kind: str = "", peace_s: float = PEACE_S) -> float:
    """How much more often harm follows `lag_s` after a change of a kind than a change happens to lie so near to
    trouble."""
    soonest = ROLLED_OUT_S.get(kind, T0_S)
    after = 1 / (math.log(1 + LONGEST_S / soonest) * (max(lag_s, 0.0) + soonest))
    return math.log2(after * peace_s)


def first_sign(cause: Cause) -> float:
    return min((n.onset for n in cause.signs if n.onset is not None), default=math.inf)


def weigh_time(cause: Cause, board: Board, signal: str, service: str) -> None:
    began = cause.began
    near = [n for i in cause.explains if not (n := board.true[i]).is_journey or n.service in cause.members]
    timed = [n.onset for n in near if n.onset is not None]
    if began is None or not timed:
        cause.bonus_bits += UNTIMED_BITS
        return
    first = began + (cause.slack_s or ORDER_S)  # as it was read, without the slack
    later = [t for t in timed if t >= began - cause.slack_s]
    if not later:
        cause.against.append((signal, service, "too late", -EXCLUDED_BITS))
        return
    cause.bonus_bits += lag_bits(min(later) - first, cause.change.kind if cause.change else "")
