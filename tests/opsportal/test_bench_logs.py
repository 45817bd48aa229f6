"""`./ops bench logs`: records a second and grouping accuracy, as figures of one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsportal.bench import loglines


def test_made_up_logs_of_each_dialect_are_grouped_rightly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loglines, "MADE_UP", 300)
    speed, accuracy = loglines.measure()
    assert speed.figure.endswith("a second")
    assert accuracy.data["mean"] >= 0.75
    assert min(s["accuracy"] for s in accuracy.data["sets"].values()) >= 0.3
    assert {s["records"] for s in accuracy.data["sets"].values()} == {300}


def test_sets_with_answers_are_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("INFO user 1 came\nINFO disk is full\nINFO user 2 came\n")
    (tmp_path / "a.log_structured.csv").write_text("LineId,EventId\n1,E1\n2,E2\n3,E1\n")
    _, accuracy = loglines.measure(tmp_path)
    assert accuracy.data["sets"]["a"]["accuracy"] == 1


def test_a_folder_without_sets_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no NAME"):
        loglines.measure(tmp_path)


def test_only_whole_groups_count() -> None:
    assert loglines.accuracy([1, 1, 2], ["a", "a", "b"]) == 1
    assert loglines.accuracy([1, 1, 1], ["a", "a", "b"]) == 0
    assert loglines.accuracy([1, 2, 3], ["a", "a", "b"]) == pytest.approx(1 / 3)
    assert loglines.accuracy([1], ["a", "b"]) == 0
