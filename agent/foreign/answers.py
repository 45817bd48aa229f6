"""Scores diagnoses of bundles against answers that lie beside them. The only place that reads such a file, and only
after the diagnosis of its bundle is done.

What an answer may look like: docs/diagnose.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.foreign.result import Result
from incidents.foreign.files import HIDDEN
from systems import yamlsafe

MOST_BYTES = 900_000
CATEGORY = ("root_cause_category", "category", "fault_category", "failure_category")
COMPONENT = ("root_cause_component", "root_cause_service", "component", "components", "service", "root_cause",
"culprit", "cmdb_id", "entity",
             "faulty_component", "instance", "level", "root_cause_entity", "target")  # fmt: skip
CHANGE = ("change_id", "change", "commit", "sha", "deploy_id", "root_cause_change", "culprit_change")
HEALTHY = frozenset({"healthy", "none", "no_fault", "no failure", "normal", "ok"})
_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Wanted:
    """What an answer asks for; empty where it does not say. `healthy`: nothing is wrong."""

    category: str = ""
    components: tuple[str, ...] = ()
    change: str | None = None
    healthy: bool = False
    forbidden: tuple[str, ...] = ()


@dataclass
class Line:
    """One bundle: what was said, and for each thing that its answer names whether it is right."""

    name: str
    result: Result
    wanted: Wanted | None
    checks: dict[str, bool] = field(default_factory=dict)

    @property
    def right(self) -> bool | None:
        return all(self.checks.values()) if self.checks else None

    def as_json(self) -> dict[str, Any]:
        return {"bundle": self.name, "right": self.right, "checks": self.checks, **self.result.as_json()}


def bundles(folder: Path) -> list[Path]:
    """The bundles of a folder: each folder with an answer in it or, where there is none at all, each folder in it."""
    with_answer = sorted({p.parent for p in folder.rglob("*") if p.is_file() and _is_answer(p)})
    if with_answer == [folder]:
        return [folder]
    return with_answer or sorted(
        p for p in folder.iterdir() if p.is_dir() or p.suffix in (".zip", ".tar", ".gz", ".tgz")
    )


def _is_answer(path: Path) -> bool:
    return HIDDEN.search(path.name) is not None and not path.name.lower().startswith("scenario")


def wanted(bundle: Path) -> Wanted | None:
    """What the answer beside a bundle says; None when there is none that can be read."""
    for path in (
        sorted(p for p in bundle.iterdir() if p.is_file() and _is_answer(p)) if bundle.is_dir() else []
    ):
        data = _load(path)
        if isinstance(data, Mapping):
            return _of(data)
    return None


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        text = file.read(MOST_BYTES).decode("utf-8", "replace")
    try:
        return json.loads(text) if path.suffix == ".json" else yamlsafe.load(text, aliases=True)
    except (ValueError, RecursionError, yamlsafe.Refused):
        return None


def _of(data: Mapping[str, Any]) -> Wanted:
    inner = next(
        (
            data[k]
            for k in ("answer", "ground_truth", "solution", "root_cause")
            if isinstance(data.get(k), Mapping)
        ),
        None,
    )
    data = {**data, **inner} if inner else data
    category = _text(data, CATEGORY)
    components = _components(data)
    change: Any = next((data[k] for k in CHANGE if k in data), "")
    if isinstance(change, Mapping):
        change = change.get("id")
    healthy = category.lower() in HEALTHY or str(data.get("verdict", "")).lower() == "healthy"
    forbidden = data.get("forbidden_categories")
    return Wanted(
        "" if healthy else category, components, None if change is None else str(change) or "", healthy,
        tuple(map(str, forbidden)) if isinstance(forbidden, list) else (),
    )  # fmt: skip


def _text(data: Mapping[str, Any], keys: Iterable[str]) -> str:
    return next((str(data[k]) for k in keys if isinstance(data.get(k), str) and data[k]), "")


def _components(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Names from the fields that hold them, and ITBench's groups that are marked as the root cause."""
    groups = data.get("groups") or data.get("entities")
    if isinstance(groups, list):
        marked = [g for g in groups if isinstance(g, Mapping) and g.get("root_cause")]
        names = [
            n
            for g in marked
            for n in [*_listed(g.get("filter")), *_listed(g.get("name")), *_listed(g.get("id"))]
        ]
        if names:
            return tuple(re.sub(r"\\b|\.\*|[\^$]", "", n) for n in names)
    for key in COMPONENT:
        found = _listed(data.get(key))
        if found:
            return tuple(found)
    return ()


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return (
        [str(v.get("name", v.get("id", ""))) if isinstance(v, Mapping) else str(v) for v in value]
        if isinstance(value, list)
        else []
    )


def score(name: str, result: Result, want: Wanted | None) -> Line:
    """Compare. Component and category are those of the first hypothesis, where a cause is stated or not."""
    line = Line(name, result, want)
    if want is None:
        return line
    lead = result.suspects[0] if result.suspects else None
    if want.healthy:
        line.checks["healthy"] = result.verdict == "healthy"
        return line
    line.checks["not called healthy"] = result.verdict != "healthy"
    if want.category:
        line.checks["category"] = (
            lead is not None and result.verdict == "cause" and same(lead.category, want.category)
        )
    if want.components:
        line.checks["component"] = lead is not None and any(_fits(lead.component, c) for c in want.components)
    if want.change:
        line.checks["change"] = (
            lead is not None and lead.change is not None and _same_id(lead.change.id, want.change)
        )
    return line


def same(a: str, b: str) -> bool:
    return _NAME.sub("", a.lower()) == _NAME.sub("", b.lower())


def _fits(said: str, meant: str) -> bool:
    """Names are the same up to case and signs; `web` is meant by `Deployment/web` and by `prod/web`."""
    return same(said, meant) or same(said, meant.rsplit("/", 1)[-1])


def _same_id(a: str, b: str) -> bool:
    a, b = a.lower(), b.lower()
    return a == b or (min(len(a), len(b)) >= 7 and (a.startswith(b) or b.startswith(a)))
