"""The bundle's folder: what is written is read again, what is secret is not in it, what is broken is told."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incidents.bundles import Bundle, BundleError, Tick, bare, folder, record
from incidents.bundles.spans import spans, spread
from incidents.bundles.thin import thin
from systems.manifest import parse_manifest
from systems.readings import Reading
from systems.redact import Redactor

SECRET = "hunter2-hunter2"
MANIFEST = f"""
system: mini
runtime: {{driver: process, socket: /run/{SECRET}.sock}}
services:
  web:
    kind: http
    depends_on: [db, cache, bank]
    http: {{url: "http://127.0.0.1:1/health?token={SECRET}"}}
    metrics: http://ops:{SECRET}@127.0.0.1:1/metrics
    migrations: {{argv: [migrate, --password, {SECRET}], service: db}}
  db: {{kind: postgres, postgres: {{dsn: "postgresql://shop:pw@127.0.0.1:2/shop?sslkey=x"}}}}
  cache: {{kind: redis, redis: {{url: "redis://:{SECRET}@127.0.0.1:3/0", queues: [{{name: jobs, worker: web}}]}}}}
  bank: {{kind: external, unit: null}}
journeys:
  - name: buy
    steps: [{{post: "http://127.0.0.1:1/buy", headers: {{Authorization: {SECRET}}}, json: {{pin: {SECRET}}}}}]
"""
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def bundle() -> Bundle:
    ticks = [
        Tick(0.0, [Reading("web", "http.ok", 1.0), Reading("web", "http.latency_ms", 12.34567)]),
        Tick(1.004, [Reading("web", "unit.up", None, "no answer")], mini=True),
        Tick(
            2.0,
            [
                Reading("web", "http.ok", 1.0),
                Reading("web", "http.latency_ms", None),
                Reading("web", "app.nobody_reads_this", 3.0),
                Reading("web", "log.template", 4.0, "GET /x 200", "GET <*> 200"),
                Reading("web", "log.new_template", 1.0, "ERROR Zoë said no", "ERROR Zoë said no"),
            ],
            starved=True,
        ),
    ]
    manifest = parse_manifest(MANIFEST)
    return Bundle(manifest, START, 1.5, ticks, [["http_slow", "web", "", [1.0, 2.0]]], head={"incident": 7})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    mine = bundle()
    folder.write(mine, bare.text_of(mine.manifest, Redactor()), tmp_path / "b", {"causes": ["down"]})
    back = folder.read(tmp_path / "b")
    assert back.ticks == mine.ticks
    assert (back.start, back.trouble_from, back.normal) == (START, 1.5, mine.normal)
    assert (back.head["incident"], back.head["answer"]) == (7, "answer.json")
    assert back.manifest.services["bank"].unit is None
    assert back.manifest.services["web"].unit == "web"
    assert folder.answer(tmp_path / "b") == {"causes": ["down"]}
    assert folder.find([tmp_path]) == [tmp_path / "b"]
    with pytest.raises(FileExistsError):
        folder.write(mine, "", tmp_path / "b")


def test_secrets_are_nowhere_in_the_folder(tmp_path: Path) -> None:
    mine = bundle()
    mine.ticks[0].readings += [
        Reading("web", "http.ok", 0.0, f"401 for {SECRET}", SECRET),
        Reading("web", "log.template", 1.0, f"login with {SECRET}", f"login with {SECRET}"),
    ]
    mine.timeline = [{"kind": "note", "title": SECRET, "data": {"password": "short"}}]
    mine.head = {"incidents": [{"title": f"said {SECRET}"}]}
    hide = Redactor([SECRET])
    text = bare.text_of(mine.manifest, hide)
    folder.write(record.redacted(mine, hide), text, tmp_path / "b")
    kept = {p.name: gzip.decompress(p.read_bytes()).decode() if p.suffix == ".gz" else p.read_text()
            for p in (tmp_path / "b").iterdir()}  # fmt: skip
    assert not [name for name, found in kept.items() if SECRET in found or "short" in found]
    assert "pw@" not in kept["manifest.yaml"] and "sslkey" not in kept["manifest.yaml"]
    assert folder.read(tmp_path / "b").manifest.services["db"].postgres, "and it still loads"


def test_a_thin_bundle_keeps_what_signals_read() -> None:
    mine = bundle()
    line = mine.ticks[2].readings[3]
    mine.ticks.append(replace(mine.ticks[2], readings=[line, replace(line, text="ERROR token_expired")]))
    small = thin(mine)
    metrics = [[r.metric for r in t.readings] for t in small.ticks]
    assert metrics[2] == ["http.ok", "http.latency_ms", "log.template"]
    assert [r.text for r in small.ticks[3].readings] == ["ERROR token_expired"], (
        "the other line was there before"
    )
    assert small.ticks[0].readings[1].value == 12.35
    assert small.head["thinned"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("bundle.json", '{"format": 99}', "format 99"),
        ("bundle.json", "{", "is no bundle"),
        ("manifest.yaml", "system: x", "services"),
        ("readings.ndjson.gz", "", "is no bundle"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, text: str, said: str) -> None:
    mine = bundle()
    folder.write(mine, bare.text_of(mine.manifest, Redactor()), tmp_path / "b")
    (tmp_path / "b" / name).write_text(text)
    if name.endswith(".gz"):  # a look that is not there
        rows = json.dumps({"service": "web", "metric": "x", "ticks": "99", "value": 1})
        (tmp_path / "b" / name).write_bytes(gzip.compress(rows.encode()))
    with pytest.raises(BundleError, match=said):
        folder.read(tmp_path / "b")


def test_spans() -> None:
    for numbers in ([], [3], [0, 1, 2, 5], [7, 7, 8]):
        assert spread(spans(numbers)) == numbers
    assert spans([0, 1, 2, 5]) == "0-2,5"
    with pytest.raises(ValueError, match="more than"):
        spread("0-999999999")
