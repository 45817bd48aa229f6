"""Cases replayed: no stores, no network, and the same answer every time."""

from __future__ import annotations

import gzip
import json
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.replay import Replayed, Said, recorded, run, tally
from agent.replay.score import KNOWN, Line, first_live, is_right
from incidents.bundles import Bundle, Tick, bare, folder
from systems.manifest import parse_manifest
from systems.readings import Reading
from systems.redact import Redactor

CORPUS = Path(__file__).parent / "corpus"
CASES = folder.find([CORPUS])
TODAY: dict[str, dict[str, Any]] = json.loads((CORPUS / "today.json").read_text())
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
def test_no_recorded_case_is_diagnosed_worse_than_it_was(path: Path) -> None:
    """The answer beside a case says what is right; today.json what was, so that what is better may be pinned."""
    bundle = folder.read(path)
    line = Line(path.name, run(bundle, SPECS), folder.answer(path), first_live(bundle))
    assert [m for m in tally.moved([line], TODAY) if m.startswith("worse")] == []


def test_the_corpus_is_small_and_whole() -> None:
    assert {p.name for p in CASES} == TODAY.keys()
    assert sum(f.stat().st_size for p in CASES for f in p.iterdir()) < 14_000_000
    for path in CASES:
        assert sum(f.stat().st_size for f in path.iterdir()) < 165_000, path
        answer = folder.answer(path)
        assert answer is not None
        assert answer.get("kind", KNOWN) in tally.KINDS
        assert bool(answer["components"]) == bool(answer["causes"]) == (answer.get("kind") != "quiet")


def test_the_corpus_tells_nothing_of_where_it_was_recorded() -> None:
    for file in (f for p in CASES for f in p.iterdir()):
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
        assert not re.search(r"(?<![\w/.-])/(home|root|tmp)/", text), file


def said(cause: str, probability: float) -> Said:
    return Said("api", cause, "", cause, probability, 1.0)


def line_of(name: str, kind: str, first: Said | None, last: Said | None, cause: str = "down") -> Line:
    answer = {"kind": kind, "components": ["api"], "causes": [cause]}
    if kind == "quiet":
        answer |= {"components": [], "causes": []}
    return Line(name, Replayed(1.0 if first else None, first, last), answer, "")


def test_a_change_that_is_blamed_is_right_where_it_is_the_one_that_was_made() -> None:
    made = [{"component": "api", "kind": "grant", "what": "stock"}]
    answer = {"components": ["api"], "causes": [""], "changed": made}
    told = [("change", "shop.stock: rights of app"), ("change", "shop.campaigns"), ("", ""), ("down", "")]
    told += [("wrong_rights", "shop.stock: rights of app")]  # a cause that follows from the change
    blamed = [Said("api", cause, what, "", 0.7, 1.0, blames=what) for cause, what in told]
    assert [is_right(said, answer) for said in blamed] == [True, False, True, False, True]


def test_cases_are_counted_by_kind_and_set_against_another_day() -> None:
    lines = [
        line_of("a", "known", said("down", 0.95), said("down", 0.95)),
        line_of("b", "known", said("hung", 0.7), said("down", 0.8)),
        line_of("c", "unknown", said("", 0.5), None, cause=""),
        line_of("d", "quiet", None, None),
        line_of("e", "quiet", said("down", 0.9), None),
    ]
    found = {t.kind: t for t in tally.tallies(lines)}
    assert list(found) == ["known", "unknown", "quiet", ""]
    known = found["known"]
    assert (known.cases, known.first_right, known.last_right, known.wrong) == (2, 1, 2, 1)
    assert (known.sure, known.sure_right, known.confidence_right, known.confidence_wrong) == (1, 1, 0.95, 0.7)
    assert (found["quiet"].first_right, found["quiet"].silent, found["quiet"].wrong) == (1, 1, 1)
    assert (found[""].cases, found[""].first_right) == (5, 3)
    then = tally.pin(lines)
    assert tally.moved(lines, then) == []
    then["b"]["right"] = True
    assert tally.moved(lines, then) == ["worse: b, first: api:hung -> api:hung"]
