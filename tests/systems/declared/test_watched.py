"""What a manifest may say of readings and words: mistakes are named with their line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from systems.manifest import ManifestError, parse_manifest
from systems.redact import for_system
from tests.systems.helpers import make_system

MANIFEST = """system: shop
runtime: {driver: fake}
services:
  app:
    kind: http
    unit: null
    readings:
      - {name: backlog, sql: "select count(*) from jobs", on: db, class: flow, above: 1000}
      - {name: breaker, http: "http://127.0.0.1:8/b", path: state, is_not: [closed, half]}
    words:
      - {name: quota, pattern: "quota exceeded for (\\\\S+)"}
  db: {kind: postgres, postgres: {dsn: "postgresql://a:b@h/d"}}
"""


def problems(old: str, new: str) -> list[str]:
    assert old in MANIFEST
    with pytest.raises(ManifestError) as caught:
        parse_manifest(MANIFEST.replace(old, new, 1))
    return caught.value.problems


def test_a_good_one_loads() -> None:
    app = parse_manifest(MANIFEST).services["app"]
    assert [(r.name, r.klass, r.grade, r.judgements()) for r in app.readings] == [
        ("backlog", "flow", "medium", ["above"]),
        ("breaker", "own", "medium", ["is_not"]),
    ]
    assert app.words[0].klass == "fails"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("above: 1000", "abov: 1000", 8, "unknown key; did you mean 'above'?"),
        ("above: 1000", "above: 1000, below: 3", 8, "at most one of above, below, is, is_not, baseline"),
        ("above: 1000", "above: 1000, clear: 1001", 8, "clear lies on the good side of the limit"),
        ("above: 1000", "clear: 3", 8, "clear without a judgement"),
        ("above: 1000", "opens: false", 8, "opens without a judgement"),
        ("above: 1000", "above: many", 8, "should be a valid number"),
        ("above: 1000", "every_s: 0.5", 8, "greater than or equal to 1"),
        ("above: 1000", "baseline: above, every_s: 30", 8, "at most 15 s apart"),
        ("above: 1000", "baseline: above, hold: 9", 8, "hold belongs to"),
        ("above: 1000", "baseline: below, least: 9", 8, "least belongs to baseline: above"),
        ("above: 1000", "title: '{service} has {much}'", 8, "a title knows no {much}; it may name {label}"),
        ("from jobs", "from {table}", 8, "nothing fills in {table}"),
        ("class: flow", "class: flows", 8, "input should be 'own', 'refuses'"),
        ("name: backlog", "name: Back log", 8, "does not look right"),
        ("name: breaker", "name: backlog", 9, "another reading or word of this service has this name"),
        ("on: db", "on: dbb", 8, "there is no service 'dbb'; did you mean 'db'?"),
        (", on: db", "", 8, "app has no postgres section; `on: SERVICE` says of which it is asked"),
        ("sql: \"select count(*) from jobs\", on: db", "exec: [lag]", 8, "app has no unit to run it in"),
        ("sql: \"select count(*) from jobs\"", "redis: GET x", 8, "db has no redis section"),
        (", path: state", ", sql: select 1", 9, "exactly one of http, sql, redis and exec"),
        ("http: \"http://127.0.0.1:8/b\"", "http: {post: \"http://127.0.0.1:8/b\"}", 9, "what only looks is a get"),
        ("is_not: [closed, half]", "is_not: []", 9, "at least 1 item"),
        ("(\\\\S+)", "(\\\\S+", 11, "is no pattern of RE2: missing )"),
        ("quota exceeded for (\\\\S+)", "(?<!x)quota", 11, "is no pattern of RE2"),
        ("quota exceeded for (\\\\S+)", ".*", 11, "fits an empty text"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(old: str, new: str, line: int, words: str) -> None:
    found = problems(old, new)
    assert any(p.startswith(f"manifest.yaml:{line}: ") and words in p for p in found), found


@pytest.mark.parametrize("name", ["README.md", "docs/declared.md"])
def test_the_examples_of_the_documents_are_good(name: str) -> None:
    text = (Path(__file__).parents[3] / name).read_text()
    found = re.search(r"^    readings:\n.*?(?=^```)", text, re.M | re.S)
    assert found is not None
    rest = """  db: {kind: postgres, postgres: {dsn: "postgresql://a@h/d"}}
  cache: {kind: redis, redis: {url: "redis://h/0"}}
"""
    head = "system: shop\nruntime: {driver: fake}\nservices:\n  orders:\n    kind: http\n"
    orders = parse_manifest(head + found[0] + rest).services["orders"]
    assert len(orders.readings) >= 3 and orders.words[0].name == "quota"


def test_a_service_has_a_bounded_number_of_them() -> None:
    with pytest.raises(ManifestError, match="at most 30 items"):
        parse_manifest(
            MANIFEST.replace("    words:", "".join(
                f"      - {{name: n{i}, http: 'http://h/'}}\n" for i in range(29)
            ) + "    words:")
        )  # fmt: skip


def test_secrets_of_headers_are_hidden(tmp_path: Path) -> None:
    call = {"get": "http://127.0.0.1:8/b", "headers": {"Authorization": "Bearer abcdefghij"}}
    system = make_system(tmp_path, {"app": {"kind": "http", "readings": [{"name": "b", "http": call}]}})
    assert "abcdefghij" not in repr(system.manifest)
    assert "abcdefghij" not in for_system(system).text("it says abcdefghij")
