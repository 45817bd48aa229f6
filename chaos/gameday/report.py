"""Game days' files as one Markdown page: by mode, calibration, and every run as it came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chaos.gameday import calibration, table
from chaos.gameday.file import Row

HEAD = """# Game days, as they came out

Made by `./ops manage gameday_report` from the files of `./ops gameday`; nothing is left out. What each column means:
[gameday.md](../gameday.md).
"""
RUN = (
    "fault", "seed", "mode", "who", "seen s", "first", "sure", "last", "culprit", "outcome", "repair s",
    "wrong actions", "lost", "left",
)  # fmt: skip


def page(rows: Sequence[Row], commits: Iterable[str]) -> str:
    of = ", ".join(f"`{c}`" for c in sorted(set(commits))) or "no known commit"
    return (
        "\n".join(
            [HEAD, f"Commit: {of}. Runs: {len(rows)}.\n", *_by_mode(rows), *_tenths(rows), *_runs(rows)]
        )
        + "\n"
    )


def _by_mode(rows: Sequence[Row]) -> list[str]:
    cells = [table.sum_cells(found) for found in table.sums(rows)]
    return ["## By mode\n", *_lines(table.SUMMED, cells), ""]


def _tenths(rows: Sequence[Row]) -> list[str]:
    cells = [
        [mode, f"{t['from']:.1f} to {t['to']:.1f}", f"{t['said']:.2f}", str(t["n"]), str(t["right"])]
        for mode, found in calibration.per_mode(rows).items()
        for t in found["tenths"]
    ]
    return ["## How sure, and how often right\n", *_lines(("mode", "said", "mean", "n", "right"), cells), ""]


def _runs(rows: Sequence[Row]) -> list[str]:
    cells = [
        [
            r["fault"], str(r["seed"]), r["mode"], table.NAMES.get(r.get("baseline") or "", ""), _figure(r["detect_s"]),
            _named(r["first_component_ok"], r["first_cause_ok"]), _figure(r["confidence"]),
            _named(r["component_ok"], r["cause_ok"]), {None: "", True: "yes", False: "no"}[r["culprit_ok"]],
            r["outcome"].replace("_", " "), _figure(r["repair_s"]), "; ".join(r["wrong_actions"]),
            ", ".join(f"{n} {thing}" for thing, n in r["data_lost"].items()),
            "; ".join(r.get("left", ())),
        ]
        for r in rows
    ]  # fmt: skip
    return ["## Every run\n", *_lines(RUN, cells)]


def _lines(names: Sequence[str], cells: Iterable[Sequence[str]]) -> list[str]:
    def line(values: Iterable[str]) -> str:
        return "| " + " | ".join(v.replace("|", "\\|") for v in values) + " |"

    return [line(names), line("---" for _ in names), *(line(values) for values in cells)]


def _named(component: bool, cause: bool) -> str:
    return "right" if component and cause else "part" if component else "cause" if cause else "no"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
