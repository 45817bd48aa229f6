"""The game day as a table on the terminal and as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from chaos.models import GameDay, GameDayRun

FIELDS = (
    "fault",
    "seed",
    "detected",
    "detect_s",
    "component_ok",
    "cause_ok",
    "fixed",
    "repair_s",
    "paths",
    "approvals",
    "collateral",
    "note",
)


def as_json(day: GameDay) -> dict[str, Any]:
    runs = [{name: getattr(run, name) for name in FIELDS} for run in day.runs.all()]
    return {
        "runs": runs,
        "quiet": day.quiet,
        "baseline": day.baseline or None,
        "mode": day.mode,
        "started_at": day.started_at.isoformat(),
    }


def write_json(day: GameDay, path: Path) -> None:
    path.write_text(json.dumps(as_json(day), indent=2) + "\n")


def as_table(day: GameDay) -> Table:
    title = f"Game day {day.pk}" + (f", baseline: {day.baseline}" if day.baseline else "")
    title += ", amid harmless changes" if day.mode == "decoys" else ""
    table = Table(title=title, caption=summary(day))
    for column in (
        "fault",
        "seed",
        "seen",
        "s",
        "component",
        "cause",
        "fixed",
        "s",
        "paths",
        "approved",
        "collateral",
        "note",
    ):
        table.add_column(column)
    for r in day.runs.all():
        table.add_row(
            r.fault, str(r.seed), _yes(r.detected), _seconds(r.detect_s), _yes(r.component_ok), _yes(r.cause_ok),
            _yes(r.fixed), _seconds(r.repair_s), str(r.paths), str(r.approvals), ", ".join(r.collateral) or "-", r.note,
        )  # fmt: skip
    return table


def summary(day: GameDay) -> str:
    runs: list[GameDayRun] = list(day.runs.all())
    if not runs:
        return quiet_words(day) or "no runs"
    named = sum(r.detected and r.component_ok and r.cause_ok for r in runs)
    fixed = sum(r.fixed for r in runs)
    detect = [r.detect_s for r in runs if r.detect_s is not None]
    repair = [r.repair_s for r in runs if r.repair_s is not None]
    words = [f"named {named} of {len(runs)}", f"fixed {fixed} of {len(runs)}"]
    if detect:
        words.append(f"median to detect {median(detect):.1f} s")
    if repair:
        words.append(f"median to repair {median(repair):.1f} s")
    if quiet := quiet_words(day):
        words.append(quiet)
    return ", ".join(words)


def quiet_words(day: GameDay) -> str:
    if not day.quiet:
        return ""
    q = day.quiet
    amid = f" with {q['changes']} harmless changes" if q.get("changes") else ""
    return f"quiet {q['minutes']:g} min{amid}: {q['incidents']} incidents, {q['actions']} actions"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
