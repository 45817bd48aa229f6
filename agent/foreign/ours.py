"""A bundle of the product's own (docs/bundle.md): diagnosed as it was live, by its replay."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from agent.foreign.result import Result, Suspect
from agent.replay import Replayed, Said, recorded, run
from incidents.bundles import Bundle, BundleError, folder
from incidents.foreign.facts import Told
from incidents.verdict import ACT_AT
from systems.state.types import Change

__all__ = ["BundleError", "diagnose", "is_ours"]


def is_ours(path: Path) -> bool:
    """Whether a folder is a bundle that a portal wrote."""
    return (path / folder.HEAD).is_file() and (path / folder.MANIFEST).is_file()


def diagnose(path: Path) -> Result:
    """BundleError when it cannot be read. The answer beside it is not looked at."""
    began = time.perf_counter()
    bundle = folder.read(path)
    specs = recorded.shipped()
    replayed = run(bundle, specs)
    categories = {spec.id: spec.category for spec in specs}
    result = Result("unknown", "", forms={"a portal's own bundle": 1}, needs=_needs(bundle))
    led = replayed.first or replayed.last
    if led is not None:
        result.suspects = [
            _suspect(said, bundle, categories)
            for said in {s.key: s for s in (replayed.last, led) if s}.values()
        ]
    if replayed.opened_at is None:
        result.verdict, result.why = "healthy", "detection opened no incident on what was recorded"
    elif led is not None and (led.stated or led.probability >= ACT_AT):
        result.verdict, result.why = "cause", led.title
    else:
        result.why = replayed.why or "nothing that was recorded tells the cause"
    result.onsets = [
        (str(s["service"]), str(s["title"]), _time(s["first_seen"]))
        for s in bundle.symptoms
        if s.get("first_seen")
    ]
    result.changes = [_told(c) for c in bundle.changes]
    result.notes = _notes(replayed)
    result.seconds = time.perf_counter() - began
    return result


def _needs(bundle: Bundle) -> dict[str, set[str]]:
    return {name: set(service.depends_on) for name, service in bundle.manifest.services.items()}


def _suspect(said: Said, bundle: Bundle, categories: dict[str, str]) -> Suspect:
    own = [s for s in bundle.symptoms if s.get("service") == said.component]
    return Suspect(
        said.component, said.cause or said.detail, said.title, categories.get(said.cause, ""),
        1.0 if said.stated else said.probability,
        tuple(str(s.get("title", "")) for s in own[:8]) or (said.title,),
        change=next((_told(c) for c in bundle.changes if c.id and c.id == said.change_id), None),
        since=bundle.time(bundle.trouble_from + said.at).timestamp(),
    )  # fmt: skip


def _told(change: Change) -> Told:
    return Told(
        change.id, change.kind, change.component, change.what, change.words, change.first_new.timestamp(),
        change.before, change.after, change.actor,
    )  # fmt: skip


def _time(text: object) -> float:
    return datetime.fromisoformat(str(text)).timestamp()


def _notes(replayed: Replayed) -> list[str]:
    unanswered = [f"nobody had asked {key} when it was recorded" for key in replayed.unanswered]
    return unanswered[:10]
