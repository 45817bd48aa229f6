"""What a part says itself at error level: whose word stands in front."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import statements
from agent.replay.held import Symptom
from incidents.findings import Opinion
from systems.manifest import parse_manifest
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem

MANIFEST = parse_manifest(
    "system: tiny\nservices:\n"
    "  api: {kind: http, depends_on: [worker, db]}\n  worker: {kind: worker, depends_on: [db]}\n"
    "  db: {kind: postgres}\n"
)
SYSTEM = LoadedSystem(MANIFEST, Path("/nowhere"), FakeRuntime(MANIFEST.services))
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def said(service: str, after_s: float = 0.0) -> Symptom:
    at = BEGAN + timedelta(seconds=after_s)
    text = 'ERROR:  column "colour" does not exist'
    return Symptom("log_column_missing", service, "", f"{service} lacks a column", text, True, at, at)


@pytest.mark.parametrize("order", [("db", "worker", "api"), ("worker", "api", "db"), ("api", "db", "worker")])
def test_of_what_was_said_at_once_the_word_of_the_part_that_others_need_comes_first(order: tuple[str, ...]):
    told = statements.told_in_order(said(name, 0.4 * i) for i, name in enumerate(order))
    leading = statements.heard(told, SYSTEM, Opinion(findings=[], none_probability=1.0)).findings[0]
    assert (leading.component, leading.stated) == ("db", True)


def test_what_was_said_long_before_stays_in_front():
    told = statements.told_in_order([said("db", 9.0), said("worker")])
    assert (
        statements.heard(told, SYSTEM, Opinion(findings=[], none_probability=1.0)).findings[0].component
        == "worker"
    )
