"""A failover that is over is what the incident was about where others suffered from it, and no alarm where none did."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.foreign.result import Result
from agent.foreign.service import diagnose

AT = datetime(2026, 5, 2, 10, 0, tzinfo=UTC)
REFUSED = "could not connect to server: Connection refused"


def _diagnosed(tmp_path: Path, text: str, many: int, *, later_s: int = 0, events: bool = True) -> Result:
    """The database fails over at 10:00 and is well a minute later; its caller complains from `later_s` on."""

    def iso(seconds: float) -> str:
        return (AT + timedelta(seconds=seconds)).isoformat()

    said = [
        "Multi-AZ instance failover started",
        "DB instance restarted",
        "Multi-AZ instance failover completed",
    ]
    rows = [{"SourceIdentifier": "orders-db", "SourceType": "db-instance", "Message": words, "Date": iso(30 * i)}
            for i, words in enumerate(said)]  # fmt: skip
    logs = [{"timestamp": iso(60 * m), "service": "checkout", "status": "info", "message": "POST /orders 201"}
            for m in range(-20, 40)]  # fmt: skip
    logs += [{"timestamp": iso(later_s + 6 * i), "service": "checkout", "status": "error", "message": text}
             for i in range(many)]  # fmt: skip
    if events:
        (tmp_path / "events.json").write_text(json.dumps({"Events": rows}))
    (tmp_path / "logs.json").write_text(json.dumps({"logs": logs}))
    return diagnose(tmp_path)


@pytest.mark.parametrize("text", [REFUSED, f"{REFUSED} (orders-db:5432)"])
def test_one_that_others_suffered_from_is_the_cause_although_it_is_over(text: str, tmp_path: Path) -> None:
    found = _diagnosed(tmp_path, text, 8)
    assert (found.verdict, found.suspects[0].component) == ("cause", "orders-db")
    assert found.suspects[0].cause == "failed_over"
    assert any("(over: " in words for words in found.suspects[0].pro)


@pytest.mark.parametrize(
    ("text", "many", "later_s", "events"),
    [
        (REFUSED, 0, 0, True),  # nobody noticed
        (REFUSED, 1, 0, True),  # hardly
        (REFUSED, 8, -900, True),  # it was before
        ("could not connect to mailer:25: Connection refused", 8, 0, True),  # of somebody else
        (REFUSED, 8, 0, False),  # no failover
    ],
)
def test_else_all_is_well(text: str, many: int, later_s: int, events: bool, tmp_path: Path) -> None:
    assert _diagnosed(tmp_path, text, many, later_s=later_s, events=events).verdict == "healthy"
