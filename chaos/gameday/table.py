"""The game day as tables on the terminal, and what stands in its file. Everything here works on rows as the file has
them, so that gathered runs, pages and tests are counted alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.table import Table

from chaos.gameday import calibration
from chaos.gameday.file import Row
from chaos.models import GameDay, GameDayRun

FIELDS = (
    "fault", "seed", "mode", "detected", "detect_s", "component_ok", "cause_ok", "first_component_ok", "first_cause_ok",
    "culprit_ok", "category_ok", "severity_ok", "confidence", "fixed", "repair_s", "paths", "approvals", "collateral",
    "wrong_actions", "data_lost", "left", "false_recovery", "needless_handover", "outcome", "note",
)  # fmt: skip
AGENT = "the agent"
NAMES = {
    "": AGENT,
    "none": "do nothing",
    "restart": "restart everything",
    "revert": "take the latest change back",
}
COLUMNS = (
    "fault", "seed", "mode", "seen", "s", "component", "cause", "culprit", "sure", "fixed", "s", "outcome",
    "wrong actions", "lost", "left", "note",
)  # fmt: skip
SUMMED = (
    "mode", "who", "runs", "first right", "last right", "fixed", "handed over right", "wrong", "missed", "needless",
    "harm", "false rec.", "lost", "wrong acts", "s to detect", "s to repair", "ECE", "Brier", "sure >= 90 %",
    "category", "severity",
)  # fmt: skip


def as_row(run: GameDayRun, baseline: str) -> Row:
    return {name: getattr(run, name) for name in FIELDS} | {"baseline": baseline or None}


def rows_of(day: GameDay) -> list[Row]:
    return [as_row(run, day.baseline) for run in day.runs.all()]


def head_of(day: GameDay) -> dict[str, Any]:
    """All that the file says beside the rows and what follows from them."""
    return {
        "quiet": day.quiet,
        "baseline": day.baseline or None,
        "mode": day.mode,
        "commit": day.commit or None,
        "started_at": day.started_at.isoformat(),
    }


@dataclass
class Sum:
    """The rows of one mode and one who, counted. `category`, `severity`: (right, graded). Times are medians in
    seconds."""

    mode: str
    who: str
    runs: int = 0
    first_right: int = 0
    last_right: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    fixed: int = 0
    needless: int = 0
    false_recoveries: int = 0
    data_lost: int = 0
    wrong_actions: int = 0
    category: tuple[int, int] = (0, 0)
    severity: tuple[int, int] = (0, 0)
    detect_s: float | None = None
    repair_s: float | None = None
    calibration: dict[str, Any] = field(default_factory=dict)

    @property
    def agent(self) -> bool:
        return self.who == AGENT

    @property
    def graded(self) -> tuple[tuple[int, int], ...]:
        """(right, graded) of category and severity."""
        return self.category, self.severity

    @property
    def harm(self) -> int:
        return self.outcomes.get("harm", 0)


def sums(rows: Iterable[Row]) -> list[Sum]:
    """One for each mode and who, the agent's first."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["mode"], row.get("baseline") or ""].append(row)
    return [_sum(mode, who, mine) for (mode, who), mine in sorted(groups.items())]


def _sum(mode: str, who: str, rows: Sequence[Row]) -> Sum:
    found = Sum(mode, NAMES.get(who, who), len(rows))
    for row in rows:
        found.outcomes[row["outcome"]] = found.outcomes.get(row["outcome"], 0) + 1
    found.first_right = sum(calibration.is_right(r) for r in rows)
    found.last_right = sum(bool(r["component_ok"] and r["cause_ok"]) for r in rows)
    found.fixed = sum(bool(r["fixed"]) for r in rows)
    found.needless = sum(bool(r["needless_handover"]) for r in rows)
    found.false_recoveries = sum(bool(r["false_recovery"]) for r in rows)
    found.data_lost = sum(bool(r["data_lost"]) for r in rows)
    found.wrong_actions = sum(len(r["wrong_actions"]) for r in rows)
    found.category, found.severity = _graded(rows, "category_ok"), _graded(rows, "severity_ok")
    found.detect_s = _median(r["detect_s"] for r in rows)
    found.repair_s = _median(r["repair_s"] for r in rows)
    found.calibration = calibration.of(rows)
    return found


def _graded(rows: Sequence[Row], name: str) -> tuple[int, int]:
    """(right, graded); files of before it was graded have none."""
    found = [said for r in rows if (said := r.get(name)) is not None]
    return sum(found), len(found)


def _median(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median(known) if known else None


# --- on the terminal


def as_table(rows: Sequence[Row], title: str) -> Table:
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column)
    for r in rows:
        who = f" ({NAMES[r['baseline']]})" if r.get("baseline") else ""
        table.add_row(
            r["fault"], str(r["seed"]), r["mode"] + who, _yes(r["detected"]), _figure(r["detect_s"]),
            _yes(r["component_ok"]), _yes(r["cause_ok"]), "-" if r["culprit_ok"] is None else _yes(r["culprit_ok"]),
            _share(r["confidence"]), _yes(r["fixed"]), _figure(r["repair_s"]), r["outcome"].replace("_", " "),
            "; ".join(r["wrong_actions"]) or "-",
            ", ".join(f"{n} {thing}" for thing, n in r["data_lost"].items()) or "-",
            "; ".join(r.get("left", ())) or "-", r["note"],
        )  # fmt: skip
    return table


def as_summary(rows: Sequence[Row], day: GameDay) -> Table:
    """One line for each mode and who."""
    table = Table(title="By mode", caption=quiet_words(day))
    for column in SUMMED:
        table.add_column(column)
    for found in sums(rows):
        table.add_row(*sum_cells(found))
    return table


def sum_cells(s: Sum) -> list[str]:
    """In the order of SUMMED."""
    c, sure = s.calibration, s.calibration["sure"]
    sureness = [_figure(c["ece"], 2), _figure(c["brier"], 2), f"{sure['right']} of {sure['n']}"]
    return [
        s.mode, s.who, str(s.runs), str(s.first_right), str(s.last_right), str(s.fixed),
        str(s.outcomes.get("handed_over_right", 0)), str(s.outcomes.get("handed_over_wrong", 0)),
        str(s.outcomes.get("missed", 0)), str(s.needless), str(s.harm), str(s.false_recoveries), str(s.data_lost),
        str(s.wrong_actions), _figure(s.detect_s), _figure(s.repair_s), *(sureness if s.agent else "---"),
        *(f"{right} of {n}" if s.agent and n else "-" for right, n in s.graded),
    ]  # fmt: skip


def quiet_words(day: GameDay) -> str:
    if not day.quiet:
        return ""
    q = day.quiet
    amid = f" with {q['changes']} harmless changes" if q.get("changes") else ""
    return f"quiet {q['minutes']:g} min{amid}: {q['incidents']} incidents, {q['actions']} actions"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _figure(value: float | None, places: int = 1) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
