"""An entry in plain words, and the texts that a new one begins with."""

from __future__ import annotations

from knowledge.vocabulary.spec import Reading, Spec, Word

SIGNAL = """kind: signal
# what it is called in runbooks
id: backlog_high
# {service}, {label}, {value} and {text} are filled in
title: "{value} jobs wait in {service}"
# which reading is judged; own.NAME is one that a manifest declares
metric: METRIC
# one of above, below and baseline (above or below what is usual)
above: 100
# for so many looks in a row
hold: 3
# own, refuses, fails, slow, starves or flow: what it is a sign of
class: flow
severity: medium
# it opens an incident by itself
opens: true
# only of this system, part or label (left out: of all)
# system: SYSTEM
# part: worker
# label: orders
"""
WORD = """kind: word
# what it is called in runbooks
id: log_licence_expired
# {service} and {text} are filled in
title: "{service} says that its licence has run out: {text}"
category: config
# searched in what is said at warning level or above, in small and large letters alike
patterns:
  - 'licen[cs]e .{0,40}expired'
# what takes a hit back
but: []
# so often within window_s seconds
times: 1
window_s: 8
severity: medium
# it opens an incident by itself, when it is said at error level
opens: true
# only of this system (left out: of all)
# system: SYSTEM
"""


def starter(kind: str, system: str = "", metric: str = "") -> str:
    text = WORD if kind == "word" else SIGNAL.replace("METRIC", metric or "own.backlog")
    return text.replace("SYSTEM", system or "mine")


def told(spec: Spec) -> str:
    """What it does, in two sentences."""
    where = f"of {spec.system}" if spec.system else "of every system"
    if isinstance(spec, Word):
        often = f", {spec.times} times within {spec.window_s:g} s" if spec.times > 1 else ""
        holds = f"Holds where a part {where} says what fits {_count(spec)} in its log{often}."
        opens = f"Said at error level it opens an incident of {spec.severity} severity." if spec.opens else ""
    else:
        holds = f"Holds where {spec.metric} of {_parts(spec)} {where} is {_limit(spec)}."
        opens = f"It opens an incident of {spec.severity} severity." if spec.opens else ""
    return f"{holds} {opens or 'It opens no incident by itself; it speaks to the diagnosis.'}"


def _count(spec: Word) -> str:
    number = len(spec.patterns) + len(spec.calm)
    return "its pattern" if number == 1 else f"one of {number} patterns"


def _parts(spec: Reading) -> str:
    labelled = (
        "" if spec.label is None else f", labelled {spec.label!r}" if spec.label else ", without a label"
    )
    return f"{spec.part or 'any part'}{labelled}"


def _limit(spec: Reading) -> str:
    if spec.baseline is not None:
        return f"{spec.limits.in_words()}, judged against its own past"
    way = "down" if spec.above is not None else "up"
    back = f", until it is {way} to {spec.clear:g}" if spec.clear is not None else ""
    return f"{spec.limits.in_words()} for {spec.hold} looks in a row{back}"
