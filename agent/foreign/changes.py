"""The changes that a bundle tells of, as the reasoner takes them: each on the parts that it was made to.

Where a file does not say on which part (a commit to a repository of many), it is on those that its words and paths
name; where these name none, on the one whose own words it takes up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from agent.reasoner.words import words
from incidents.foreign import times
from incidents.foreign.evidence import Evidence
from incidents.foreign.facts import Told
from systems.state.types import Change

# Of a change that nothing named follows from.
CATEGORIES = {"maintenance": "infrastructure", "limit": "resource_exhaustion", "config": "configuration_error",
              "schema": "configuration_error", "flag": "configuration_error"}  # fmt: skip
BY_CODE = "code_defect"  # of any other: what was built and rolled out
LEAST_SLACK_S, MOST_SLACK_S = 20.0, 90.0
TAKEN_UP = 2  # so many words in common are no chance
MOST_PARTS = 3  # what names more of them is about none of them
_IDLE = re.compile(
    r"(?:^|/)(?:docs?|tests?|spec|\.github)/|\.(?:md|rst|adoc)$|(?:_test|\.test|\.spec)\.\w+$", re.IGNORECASE
)
_SUFFIX = re.compile(r"[-_.]?(?:service|svc|server|api|app)$|^(?:ts|svc)-")


@dataclass
class Handed:
    """What the reasoner is given, and which change of the bundle each of it is, by the id."""

    changes: list[Change] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)


def slack_s(found: Evidence) -> float:
    """Clocks and sampling: an effect may seem to begin this much before its change."""
    step = found.window.step
    return MOST_SLACK_S if step is None else min(max(2 * step, LEAST_SLACK_S), MOST_SLACK_S)


def handed(found: Evidence, among: Collection[str]) -> Handed:
    """All to the parts `among` that may have done something: what touches nothing but documents and tests has not."""
    out, slack = Handed(), slack_s(found)
    said = {part: set(_said(found, part)) for part in {s.service for s in found.bad}}
    for change in found.changes:
        if change.files and all(_IDLE.search(path) for path in change.files):
            continue
        out.told.setdefault(change.id, change)
        parts = _parts(change, found.kinds, said)
        out.changes += [_change(change, part, slack) for part in parts if part in among]
    return out


def _said(found: Evidence, part: str) -> Iterator[str]:
    own = words(part)
    for state in found.bad:
        if state.service == part and state.signal.startswith("said_"):
            yield from words(state.text) - own


def _parts(change: Told, kinds: Mapping[str, str], said: Mapping[str, Collection[str]]) -> list[str]:
    if change.component in kinds:
        return [change.component]
    told = change.words.removeprefix(change.kind)  # `config` may be a part's name, too
    text = " ".join([change.what, told, *change.files]).lower()
    named = [name for name in kinds if _names(name, text)]
    if named:
        return named if len(named) <= MOST_PARTS else []
    mine = words(" ".join([text, change.before or "", change.after or ""]))
    common = {part: len(mine & set(theirs)) for part, theirs in said.items()}
    best = max(common, key=lambda part: (common[part], part), default="")
    return [best] if best and common[best] >= TAKEN_UP else []


def _names(name: str, text: str) -> bool:
    """Whether a text names a part, also without the `service` that names often end in."""
    low = name.lower()
    short = _SUFFIX.sub("", low)
    forms = {low, low.replace("-", "_"), *([short] if len(short) > 3 else [])}
    return any(re.search(rf"(?<![a-z0-9]){re.escape(form)}(?![a-z0-9])", text) for form in forms if form)


def _change(change: Told, part: str, slack: float) -> Change:
    at = times.as_datetime(change.at)
    return Change(
        change.id, part, change.kind, change.what, change.before, change.after,
        times.as_datetime(change.at - slack), at, effective_at=at, actor="person", words=change.words,
    )  # fmt: skip
