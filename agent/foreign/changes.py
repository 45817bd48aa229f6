"""Which of the changes that a bundle tells of, if any, explains what is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from incidents.foreign.facts import Told

SLACK_S = 90.0  # clocks and sampling: an effect may seem to begin this much before its change
LOOKED_BACK_S = 24 * 3600.0
ENOUGH = 1.0
# Words of a change that tell of what a cause is about.
ABOUT: Mapping[str, str] = {
    "cpu_exhausted": r"cpu|loop|regex|hash|encrypt|compress|batch|worker|thread|parallel|poll|algorithm|sort|recurs",
    "memory_exhausted": r"mem|cache|buffer|heap|leak|limit|batch|pool|retain|stream|load all|preload",
    "oom_killed": r"mem|cache|buffer|heap|leak|limit|batch|retain|resources|preload",
    "disk_exhausted": r"log|disk|volume|retention|storage|dump|export|trace|debug|archive|write",
    "connections_used_up": r"pool|connection|timeout|max_|session|thread|keep-?alive|close|leak|worker",
    "settings_wrong": r"config|env|setting|variable|secret|remove|rename|manifest|helm|values|chart|yaml|flag",
    "name_not_resolved": r"dns|host|name|service|endpoint|url|rename|coredns|network ?policy|domain",
    "image_unavailable": r"image|tag|version|registry|release|bump|deploy",
    "probe_failing": r"probe|health|liveness|readiness|timeout|path|port",
    "access_refused": r"password|secret|token|role|permission|auth|rotate|grant|iam|policy|credential|key",
    "certificate": r"cert|tls|ssl|issuer|renew|ca\b|mtls",
    "slow_by_itself": r"timeout|delay|latency|index|query|retry|sleep|sync|lock|cache|n\+1|network|pool|debug",
    "locks": r"lock|transaction|migration|index|alter|isolation|batch",
    "bad_data": r"schema|migration|format|field|column|serial|pars|import|payload|proto",
    "code_error": r"refactor|null|handle|fix|feature|logic|rewrite|upgrade|migrat|pars|bump",
    "fails_by_itself": r"refactor|null|handle|fix|feature|logic|rewrite|upgrade|flag|experiment|enable|release",
    "quota_exceeded": r"quota|replica|scale|hpa|limit|autoscal",
    "no_room": r"replica|scale|request|resources|node|autoscal|hpa|cpu|memory",
    "overloaded": r"campaign|launch|scale|traffic|load|rate|retry|limit|route",
    "throttled": r"rate|limit|throttl|quota|retry",
}
_STOP = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "into",
        "that",
        "this",
        "when",
        "have",
        "has",
        "not",
        "are",
        "was",
        "add",
        "new",
        "use",
        "set",
        "fix",
        "update",
        "change",
        "commit",
        "deploy",
        "to",
        "of",
        "in",
        "on",
        "by",
    ]
)


@dataclass(frozen=True)
class Suspicion:
    """What is to be explained: on whom, since when, in which words. `near`: components on the way from it."""

    component: str
    members: Set[str]
    cause: str
    since: float | None
    text: str
    near: Mapping[str, int]  # what it needs, with hops


def suspected(changes: Iterable[Told], what: Suspicion) -> tuple[Told, float] | None:
    """The change that explains it best, and its score; None when none does well enough. A change after the trouble
    began explains nothing, and that one came shortly before is not enough by itself."""
    scored = [(score(change, what), change.at, change) for change in changes]
    scored = [row for row in scored if row[0] >= ENOUGH]
    if not scored:
        return None
    value, _, change = max(scored, key=lambda row: (row[0], row[1]))
    return change, value


def score(change: Told, what: Suspicion) -> float:
    """0: impossible. Place, time and kind each add."""
    if what.since is not None and change.at > what.since + SLACK_S:
        return 0.0
    age = max(what.since - change.at, 0.0) if what.since is not None else 1800.0
    if age > LOOKED_BACK_S:
        return 0.0
    place = _place(change, what)
    topic = _topic(change, what)
    soon = 1.0 if age <= 900 else 1.0 / (1 + math.log2(age / 900))
    if place == 0.0 and topic < 1.0:
        return 0.0
    return (place + topic) * (0.25 + 0.75 * soon)


def _place(change: Told, what: Suspicion) -> float:
    """Whether it was made where the trouble is: on the part, named in it, or on something the part needs."""
    if change.component:
        if change.component == what.component or change.component in what.members:
            return 1.5
        if change.component in what.near:
            return 1.0 / what.near[change.component]
    said = " ".join([change.what, change.words, *change.files]).lower()
    for name in (what.component, *what.members):
        if _names(name, said):
            return 1.2
    if change.component:
        return 0.0
    return max((0.6 / hops for name, hops in what.near.items() if _names(name, said)), default=0.0)


def _names(name: str, said: str) -> bool:
    """Whether a text names a part, also without the `service` that names often end in."""
    low = name.lower()
    short = re.sub(r"[-_.]?(service|svc|server|api|app)$|^(ts|svc)-", "", low)
    forms = {low, low.replace("-", "_"), *([short] if len(short) > 3 else [])}
    return any(re.search(rf"(?<![a-z0-9]){re.escape(form)}(?![a-z0-9])", said) for form in forms if form)


def _topic(change: Told, what: Suspicion) -> float:
    """How much its words are about what is wrong: words of the evidence, and of causes of this kind."""
    said = " ".join(
        [change.what, change.words, *change.files, change.before or "", change.after or ""]
    ).lower()
    rare = {w for w in _tokens(what.text) if w not in _tokens(what.component)}
    shared = rare & set(_tokens(said))
    value = min(0.5 * len(shared), 1.5)
    pattern = ABOUT.get(what.cause)
    if pattern and re.search(pattern, said):
        value += 0.5
    return value


def _tokens(text: str) -> list[str]:
    return [w for w in re.findall(r"[a-z][a-z0-9_]{3,}", text.lower()) if w not in _STOP]
