"""A manifest's mistakes are all reported, with the line to mend."""

from pathlib import Path

import pytest

from systems.graph import SystemGraph
from systems.manifest import ManifestError, load_manifest, parse_manifest
from systems.services import from_manifest

GOOD = """system: shop
title: Corner shop
runtime: {driver: fake}
secrets: secrets.env
services:
  web:
    kind: proxy
    depends_on: [api]
    http: {url: "http://127.0.0.1:8/healthz"}
  api:
    kind: http
    group: g
    depends_on: [db]
    env: {file: api.env, schema: [DATABASE_URL]}
  db:
    kind: postgres
    postgres: {dsn: "${PROBER_DSN}", schema: shop}
    credentials: [{role: app, key: DATABASE_URL, consumers: api}]
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "secrets.env").write_text("PROBER_DSN='postgresql://p:hush@h/db'\n")
    return tmp_path


def problems(text: str, base: Path) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, base_dir=base)
    return caught.value.problems


def test_a_good_manifest_loads_with_secrets_filled_in_and_hidden(base: Path) -> None:
    manifest = parse_manifest(GOOD, base_dir=base)
    db = manifest.services["db"]
    assert db.postgres is not None
    assert db.postgres.dsn == "postgresql://p:hush@h/db"
    assert "hush" not in repr(manifest)
    assert db.unit == "db"
    assert db.credentials[0].consumers == ["api"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("group: g", "gruop: g", "manifest.yaml:12: services.api.gruop: unknown key; did you mean 'group'?"),
        ("kind: http", "kind: [1]", "manifest.yaml:11: services.api.kind: input should be a valid string"),
        ("    kind: proxy\n", "", "manifest.yaml:6: services.web.kind: is missing"),
        (
            "[db]",
            "[dbb]",
            "manifest.yaml:13: services.api.depends_on.0: there is no service 'dbb'; did you mean 'db'?",
        ),
        (
            "consumers: api",
            "consumers: apy",
            "manifest.yaml:18: services.db.credentials.0.consumers.0: there is no",
        ),
        (
            "${PROBER_DSN}",
            "${PROBER_DNS}",
            "manifest.yaml:17: services.db.postgres.dsn: ${PROBER_DNS} is neither",
        ),
        ("secrets.env", "secret.env", "manifest.yaml:4: secrets: secret.env: No such file"),
        ("title: Corner shop", "system: again", "manifest.yaml:2: system: this key stands here twice"),
        ("title: Corner shop", "title: [x", "manifest.yaml:3: not valid YAML"),
        ("title: Corner shop", "\ttitle: x", "manifest.yaml:2: not valid YAML: found a tab character"),
        (
            "http://127.0.0.1:8/healthz",
            "127.0.0.1:8",
            "manifest.yaml:9: services.web.http.url: does not look right",
        ),
        (
            "runtime:",
            "journeys: [{name: j, steps: [{expect: 200}]}]\nruntime:",
            "a step has exactly one of get and post",
        ),
    ],
)
def test_mistakes_are_named_with_their_line(base: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1), base)
    assert any(expected in line for line in found), found


def test_parts_may_need_each_other_and_none_needs_itself(base: Path) -> None:
    text = GOOD.replace("    postgres: {dsn", "    depends_on: [OTHER]\n    postgres: {dsn")
    graph = SystemGraph.build(parse_manifest(text.replace("OTHER", "web"), base_dir=base))
    assert graph.callers(["db"]).keys() >= {"web"} and graph.dependencies(["db"]).keys() >= {"web"}
    found = problems(text.replace("OTHER", "db"), base)
    assert [line.partition(": ")[2] for line in found] == ["services.db.depends_on: depends on itself"]


def test_all_mistakes_come_at_once(base: Path) -> None:
    found = problems(GOOD.replace("group: g", "gruop: g").replace("kind: proxy", "knid: proxy"), base)
    assert len(found) == 3  # two unknown keys and a missing kind


def test_secrets_never_stand_in_a_message(base: Path) -> None:
    text = GOOD.replace("{dsn: ", "{dns: ").replace("kind: proxy", "kind: ['${PROBER_DSN}']")
    assert not any("hush" in line for line in problems(text, base))


@pytest.mark.parametrize("raw", [b"", b"- 1\n", b"\xff\xfe\x00x", b"a: " + b"[" * 5000, b"system: s\x00"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "manifest.yaml").write_bytes(raw)
    with pytest.raises(ManifestError) as caught:
        load_manifest(tmp_path / "manifest.yaml")
    assert caught.value.problems[0].startswith("manifest.yaml:")


def test_the_graph_knows_callers_and_needs(base: Path) -> None:
    (base / "manifest.yaml").write_text(GOOD)
    system = from_manifest(base / "manifest.yaml")
    assert system.graph.dependencies(["web"]) == {"api": 1, "db": 2}
    assert system.graph.callers(["db"]) == {"api": 1, "web": 2}
    assert system.members("g") == ["api"]
    assert system.graph.component("api") == "g"
