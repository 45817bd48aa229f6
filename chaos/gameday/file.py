"""The JSON file of a game day, to which later runs of the same commit may be added."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.gameday import calibration
from chaos.gameday.commit import CHANGED

Row = dict[str, Any]


class CannotResume(ValueError):
    """The file holds no runs, or none that others may be added to; the message says why."""


@dataclass
class Gathered:
    """What the file holds: `head` is all but the rows."""

    head: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def has(self, fault: str, seed: int, mode: str, baseline: str) -> bool:
        wanted = (fault, seed, mode, baseline or None)
        return any((r["fault"], r["seed"], r["mode"], r.get("baseline")) == wanted for r in self.rows)

    def as_json(self) -> dict[str, Any]:
        return {"runs": self.rows, **self.head, "calibration": calibration.per_mode(self.rows)}

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        fresh.replace(path)


def resumed(path: Path, commit: str) -> Gathered:
    """What is in the file, nothing where there is none yet. CannotResume when it is of another commit, or no game
    day's."""
    if not commit:
        raise CannotResume(
            "which commit runs here is not known (no git checkout), so no runs can be added to a file"
        )
    if not path.exists():
        return Gathered()
    if commit.endswith(CHANGED):
        raise CannotResume(
            f"files of this checkout differ from its commit, so nothing can be added to {path}: commit first"
        )
    found = read(path)
    theirs = str(found.head.get("commit") or "")
    if theirs != commit:
        raise CannotResume(
            f"{path} holds runs of {_short(theirs)}, and this is {_short(commit)}: what was measured of one commit "
            "says nothing of another; name another file"
        )
    return found


def read(path: Path) -> Gathered:
    """CannotResume when it is no game day's file."""
    try:
        head = json.loads(path.read_text())
        rows = head.pop("runs")
        head.pop("calibration", None)
        _checked(rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotResume(f"{path} is no game day's file: {type(error).__name__}: {error}") from None
    return Gathered(head, rows)


def _checked(rows: Any) -> None:
    for row in rows:
        _ = row["fault"], row["seed"], row["mode"], row["outcome"]
        calibration.is_right(row), row["confidence"]


def _short(commit: str) -> str:
    return f"commit {commit[:10]}" if commit else "no known commit"
