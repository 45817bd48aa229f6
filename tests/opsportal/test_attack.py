"""The attacks: what a verdict says, and each of them in its shortest form against a real portal."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from actions import audit, execution
from opsportal.attack import run, watching
from opsportal.attack.base import Context, Part, Verdict
from opsportal.attack.registry import PARTS


def _holds(context: Context, verdict: Verdict) -> None:
    verdict.figures["tries"] = 3


def _breaks(context: Context, verdict: Verdict) -> None:
    verdict.must(False, "it must not")


def _cannot(context: Context, verdict: Verdict) -> None:
    raise OSError("no such machine")


def test_a_verdict_holds_only_if_every_promise_does(tmp_path: Path) -> None:
    said: list[str] = []
    parts = [Part("good", "", _holds), Part("bad", "", _breaks), Part("ill", "", _cannot)]
    verdicts = run.run(parts, "brief", said.append)
    assert [v.holds for v in verdicts] == [True, False, False]
    assert verdicts[2].broken == ["could not be tried to the end: OSError: no such machine"]
    assert any(line.startswith("good: holds (tries 3;") for line in said)
    run.write_json(verdicts, "brief", tmp_path / "verdicts.json")
    told = json.loads((tmp_path / "verdicts.json").read_text())
    assert told["holds"] is False and [p["holds"] for p in told["parts"]] == [True, False, False]


def test_what_is_asked_for_wrongly_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no attack nonsense; there are: kills, approvals"):
        call_command("attack", "nonsense")
    with pytest.raises(CommandError, match="no such folder"):
        call_command("attack", "input", json=tmp_path / "nowhere" / "x.json")


@pytest.mark.django_db
def test_a_start_noted_twice_for_one_request_is_counted() -> None:
    """By what the gate writes: were its word another one, nothing would ever be counted."""
    once, twice = uuid4(), uuid4()
    for request in (once, twice, twice):
        audit.append("agent", "action.started", system="tiny", target="web-1", request_id=request)
    assert "action.started" in Path(execution.__file__).read_text()
    with connection.cursor() as cursor:
        cursor.execute(watching.CLAIMED_TWICE)
        assert cursor.fetchone() == (1,)


# Kills are tried on a real portal by test_kills.py, silence by tests/actions/test_silence.py: not twice in one run.
# The starved one needs to know what else runs on the machine.
IN_CI = [
    name if name == "starved" else pytest.param(name, marks=pytest.mark.paired)
    for name in PARTS
    if name not in ("kills", "silence")
]


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_CI)
def test_it_holds(name: str) -> None:
    said: list[str] = []
    verdict = run.run([PARTS[name]], "brief", said.append)[0]
    print(*said, sep="\n")
    assert verdict.holds, verdict.line()
