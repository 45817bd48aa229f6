"""Something that nothing names, in a part that is ill: the rival that every named cause has to beat.

It explains what any trouble of that part may bring about, by the same chances as a change would, and has no sign of its
own. Its prior is that of what no runbook knows, and of those causes that runbooks do know but whose signs on this part
could not be read. What it wins is said as "not known", with the part it would be in.
"""

from __future__ import annotations

import math

from agent.reasoner import spread
from agent.reasoner.board import Board
from agent.reasoner.causes import Cause, can_be
from agent.reasoner.runbooks import USUAL, Compiled
from knowledge.spec import RunbookSpec, split_key
from systems.graph import SystemGraph

PRIOR = 0.02  # of what no runbook knows, over all the parts together
MOST = 60  # parts looked at, those with the most against them first
HIDDEN = 0.04  # at most, however little was read
RARE = 0.004  # a sign that shows itself less often while nothing is wrong is hardly brought about by anything else


def build(compiled: Compiled, graph: SystemGraph, board: Board, settled: float) -> list[Cause]:
    """One for each part that is ill, or that its callers complain of by name: it may be well by all that is measured of
    it, and turn them away. `settled` as for `reasoner.diagnose`."""
    sick: dict[str, int] = {}
    for node in (n for n in board.true if n.noted):
        sick[node.service] = sick.get(node.service, 0) + 1
    named = {
        n
        for number, node in enumerate(board.true)
        if node.noted
        for n in spread.about(graph, board, node, number)
    }
    ranked = sorted({*sick, *named}, key=lambda s: (-sick.get(s, 0), s))
    parts = [s for s in ranked if s in graph.kinds][:MOST]
    found = []
    for part in parts:
        share = PRIOR / len(parts) + min(_unread(compiled, graph, board, part), HIDDEN)
        cause = Cause("", part, (part,), math.log2(share / (1 - share)), kind="unknown")
        cause.group = frozenset([part, *graph.peers(part)])
        own = [n for n in board.true if n.service == part and n.onset is not None]
        cause.began = min((n.onset or 0.0) - n.lag_s for n in own) if own else None
        for node, number, chance in spread.changed(graph, board, (part,), frozenset()):
            known = node.service == part and compiled.defines(node.signal, graph.kinds[part])
            shown = node.service == part and compiled.is_sign(node.signal, graph.kinds[part])
            rare = min(node.leak / RARE, 1.0) if shown else 1.0
            cause.explain(number, node, rare * (min(chance, spread.OTHER) if known else chance))
        cause.bonus_bits = settled * spread.silent_bits(graph, board, (part,))
        found.append(cause)
    return found


def _unread(compiled: Compiled, graph: SystemGraph, board: Board, part: str) -> float:
    """The prior of the known causes that may be there although nothing shows them, because nobody could look."""
    kind = graph.kinds[part]
    fits = (s for s in compiled.specs if kind in s.applies_to or "any" in s.applies_to)
    return sum(s.prior for s in fits if _is_hidden(compiled, s, graph, board, part))


def _is_hidden(compiled: Compiled, spec: RunbookSpec, graph: SystemGraph, board: Board, part: str) -> bool:
    here = [k for k in compiled.own[spec.id] if split_key(k)[1] == "" and board.source(k) != "check"]
    values = {k: (node.value if (node := board.get(k, part)) is not None else None) for k in here}
    if True in values.values() or None not in values.values():
        return False
    usual = {k for k, word in spec.symptoms.items() if word in USUAL}
    contradicted = any(values.get(k) is False for k in {*spec.requires, *usual})
    ruled_out = any((n := board.get(k, part)) is not None and n.value for k in spec.rules_out)
    return (
        spec.severity != "low" and not contradicted and not ruled_out and can_be(spec, (part,), graph, board)
    )
