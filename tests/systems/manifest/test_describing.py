"""The reference page and the JSON Schema: made from the models, up to date, and true of what is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from systems.manifest import parse_manifest
from systems.manifest.describing import page, schema, schema_text
from systems.manifest.kinds import KINDS
from tests.systems.manifest.schemas import wrongs

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def samples() -> dict[str, str]:
    """Manifests that are known to be good, by where they stand."""
    site = (ROOT / "tests/systems_foreign/site/manifest.yaml").read_text()
    found = {"site": re.sub(r"@[A-Z]+@", "8080", site)}
    for name in ("README.md", "docs/manifest.md"):
        blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / name).read_text(), re.S)
        found |= {f"{name} {n}": text for n, text in enumerate(blocks) if re.search(r"^system: ", text, re.M)}
    for file in sorted((ROOT / "tests/agent/corpus").glob("*/manifest.yaml"))[:3]:
        found[str(file.parent.name)] = file.read_text()
    return found


def test_the_page_and_the_schema_in_the_repository_are_up_to_date() -> None:
    how = "python -m systems.manifest.describing"
    assert (DOCS / "manifest.md").read_text() == page(), f"{how} > docs/manifest.md"
    assert (DOCS / "manifest.schema.json").read_text() == schema_text(), (
        f"{how} --schema > docs/manifest.schema.json"
    )


def test_both_are_printed() -> None:
    for words, wanted in (([], page()), (["--schema"], schema_text())):
        argv = [sys.executable, "-m", "systems.manifest.describing", *words]
        assert subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT).stdout == wanted


@pytest.mark.parametrize("where", samples())
def test_what_is_taken_is_of_the_schema(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = samples()[where]
    for name in re.findall(r"\$\{(\w+)\}", text):
        monkeypatch.setenv(name, "postgresql://p:x@127.0.0.1/o" if "DSN" in name else "xxxxxx")
    (tmp_path / "secrets.env").write_text("")
    parse_manifest(text, base_dir=tmp_path)
    assert wrongs(schema(), yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"web": {}}, "web.kind: is missing"),
        ({"web": {"kind": "http", "htpp": {}}}, "htpp: unknown key"),
        ({"web": {"kind": "http", "http": {"url": "ftp://h/"}}}, "url: does not look right"),
        ({"web": {"kind": "http", "http": {"url": "http://h/", "expect": 99}}}, "expect"),
        ({"web": {"kind": "http", "http": {"url": "http://h/", "expect": ["2xx", "ok"]}}}, "expect"),
        ({"web": {"kind": "http", "tcp": "h"}}, "tcp: does not look right"),
        (
            {"web": {"kind": "http", "config": {"file": "a", "golden": "b", "reload": "USR1"}}},
            "reload: is none",
        ),
        ({"web": {"kind": "http", "metrics": 5}}, "metrics"),
        ({"web": {"kind": "http", "http": {"url": "http://h/", "timeout_s": 0}}}, "timeout_s: out of range"),
    ],
)
def test_what_is_refused_is_not_of_the_schema(services: dict[str, Any], words: str) -> None:
    found = wrongs(schema(), {"system": "s", "services": services})
    assert found and any(words in line for line in found), found
    with pytest.raises(ValueError):
        parse_manifest(json.dumps({"system": "s", "services": services}))


def test_short_forms_and_names_of_secrets_are_of_the_schema() -> None:
    web = {
        "kind": "mailer", "metrics": "http://h/metrics", "reads": "jobs", "tcp": "[::1]:80", "unit": None,
        "http": {"url": "${BASE}/x", "expect": [200, "4xx"]},
    }  # fmt: skip
    assert wrongs(schema(), {"system": "s", "services": {"web": web}}) == []


def test_every_key_has_its_row_and_every_section_its_words() -> None:
    text, made = page(), schema()
    for name, part in {"": made, **made["$defs"]}.items():
        assert not name or (f"## {name}\n" in text and part.get("description")), name
        for key in part.get("properties", {}):
            assert f"| `{key}` | " in text
    assert all(f"| `{kind}` | " in text for kind in KINDS)
    for link in re.findall(r"\(#([a-z]+)\)", text):
        assert re.search(rf"^## {link}$", text, re.M | re.I), link


def test_keys_that_a_person_writes_are_explained() -> None:
    """Of the sections that are asked over HTTP, and of a service: none is left to be guessed."""
    made = schema()
    for name in ("HttpSpec", "ReadySpec", "MetricsSpec", "PrometheusSpec", "Journey", "Step"):
        for key, spec in made["$defs"][name]["properties"].items():
            assert spec.get("description"), (name, key)


def test_secrets_are_no_defaults_and_stand_in_no_example() -> None:
    assert "xxxxxx" not in schema_text()
    assert all("${" in line for line in page().splitlines() if re.search(r"bearer: |dsn: \"", line))
