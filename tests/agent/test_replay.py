"""Cases replayed: no stores, no network, and the same answer every time."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.replay import recorded, run
from agent.replay.score import Line, first_live
from incidents.bundles import Bundle, Tick, bare, folder
from systems.manifest import parse_manifest
from systems.readings import Reading
from systems.redact import Redactor

CORPUS = Path(__file__).parent / "corpus"
CASES = folder.find([CORPUS])
EXPECTED: dict[str, Any] = json.loads((CORPUS / "expected.json").read_text())
SPECS = recorded.shipped()
MANIFEST = """
system: mini
services:
  gate: {kind: proxy, depends_on: [api]}
  api: {kind: http, depends_on: [db]}
  db: {kind: postgres, postgres: {dsn: "postgresql://127.0.0.1:2/shop"}}
"""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is out of reach by pytest-django; sockets by this."""

    def none(*_: Any, **__: Any) -> None:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket, "socket", none)


def looks(number: int, *, dead: bool) -> Tick:
    def unit(name: str, up: bool) -> list[Reading]:
        return [
            Reading(name, "unit.up", float(up), "RUNNING" if up else "FATAL"),
            Reading(name, "unit.uptime_s", 100.0 + number if up else 0.0),
            Reading(name, "unit.restarts", 0.0),
            Reading(name, "log.lines_rate", 1.0),
            Reading(name, "log.error_rate", 0.0),
        ]

    found = [*unit("gate", True), *unit("api", True), *unit("db", not dead)]
    said = "connection refused" if dead else ""
    found += [Reading("db", metric, float(not dead), said) for metric in ("tcp.ok", "pg.ok")]
    found += [Reading(name, "http.ok", 1.0) for name in ("gate", "api")]
    found.append(Reading("gate", "journey.ok", float(not dead), "status 500" if dead else "", "buy"))
    return Tick(float(number), found)


def dead_database(folder_: Path) -> Bundle:
    ticks = [looks(n, dead=n >= 60) for n in range(80)]
    made = Bundle(parse_manifest(MANIFEST), datetime(2026, 3, 1, tzinfo=UTC), 59.0, ticks)
    folder.write(made, bare.text_of(made.manifest, Redactor()), folder_)
    return folder.read(folder_)


def test_a_bundle_made_by_hand_is_diagnosed_and_lies_still_for_the_answer(tmp_path: Path) -> None:
    found = run(dead_database(tmp_path / "b"), SPECS)
    assert found.opened_at is not None and found.first is not None and found.last is not None
    assert found.first.component == found.last.component == "db"
    assert found.ended == "plan" and found.ended_at is not None
    assert found.opened_at <= found.first.at <= found.ended_at < 20
    answer = {"components": ["api"], "causes": ["down"]}
    (tmp_path / "b" / "answer.json").write_text(json.dumps(answer))
    again = run(folder.read(tmp_path / "b"), SPECS)
    assert (again.first, again.last) == (found.first, found.last), "an answer that lies there is not read"
    assert Line("b", again, folder.answer(tmp_path / "b"), "").right is False


def test_quiet_is_quiet(tmp_path: Path) -> None:
    made = dead_database(tmp_path / "b")
    made.ticks = [t for t in made.ticks if t.at < 60]
    found = run(made, SPECS)
    assert (found.opened_at, found.first, found.last, found.ended) == (None, None, None, "")


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.name)
def test_a_recorded_case_is_diagnosed_as_it_was(path: Path) -> None:
    """expected.json says what each case is to give; a change that moves one says so there."""
    bundle = folder.read(path)
    line = Line(path.name, run(bundle, SPECS), folder.answer(path), first_live(bundle))
    said = line.replayed.first
    assert (said.key if said else "", line.right) == tuple(EXPECTED[path.name])


def test_the_corpus_is_small_and_whole() -> None:
    assert {p.name for p in CASES} == EXPECTED.keys()
    for path in CASES:
        assert sum(f.stat().st_size for f in path.iterdir()) < 110_000, path
        assert folder.answer(path) is not None
