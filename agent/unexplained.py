"""What went away by itself, and nobody knows why it came: it is no better understood than before, so that it is quiet
now says little. A fault that only few ever meet is quiet most of the time."""

from __future__ import annotations

from agent.case import Case, Judgement, Measuring
from incidents.verdict import ACT_AT

WATCHED_S = 60.0  # of green, looked at


def is_it(case: Case) -> bool:
    """Whether nothing was done, and no cause is certain enough to be called one."""
    lead = case.opinion.leading
    return case.acted_at is None and (lead is None or lead.probability < ACT_AT)


def lacking(case: Case, count: Measuring) -> str:
    """Why it is not over yet; empty once it has been quiet for long enough."""
    if not is_it(case) or count.watched >= WATCHED_S:
        return ""
    return f"nothing was done, and why it began is not known: {WATCHED_S:.0f} s of quiet are wanted"


def is_back(case: Case, count: Measuring, said: Judgement) -> bool:
    """Whether it was quiet, and is measured to be so no more: what cannot be read just now is not back."""
    return is_it(case) and count.green_since is not None and said.state == "unwell"
