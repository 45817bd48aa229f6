"""The sample of the README is what it says: a manifest that works."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.systems.supervisor.harness import SLEEPER, Running, free_port

README = (Path(__file__).parents[2] / "README.md").read_text()
SAMPLE = re.search(r"## Your own system.*?```yaml\n(.*?)```", README, re.S)


def register(path: Path) -> str:
    out = StringIO()
    call_command("register_system", str(path), stdout=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    assert SAMPLE is not None
    (tmp_path / "manifest.yaml").write_text(SAMPLE[1].replace("9000", str(free_port())))
    (tmp_path / "secrets.env").write_text(
        "PROBER_DSN=postgres://p:x@127.0.0.1/o\nADMIN_DSN=postgres://a:x@127.0.0.1/o\n"
    )
    return tmp_path / "manifest.yaml"


@pytest.mark.django_db
def test_registering_the_sample_says_what_is_watched_and_what_is_not_there(sample: Path) -> None:
    said = register(sample)
    assert "orders (orders) is under care: 2 services" in said
    assert "web  http: watches" in said and "can restart, restore its config" in said
    assert "mind: the runtime does not answer" in said
    assert "mind: web: golden/web.yaml is not there" in said
    assert ":x@" not in said


@pytest.mark.django_db
def test_with_its_files_and_its_supervisor_only_what_does_not_answer_is_to_mind(sample: Path) -> None:
    base = sample.parent
    for file in ("log/web.log", "etc/web.yaml", "golden/web.yaml"):
        (base / file).parent.mkdir(exist_ok=True)
        (base / file).write_text("")
    running = Running(base, {"web": {"command": SLEEPER}})
    try:
        said = register(sample)
    finally:
        running.close()
    mind = [line.strip() for line in said.splitlines() if "mind:" in line]
    assert mind == [
        f"mind: {part} cannot be read now, so it is unknown: refused"
        for part in ("web: http", "db: postgres")
    ]
    assert "db   postgres: watches" in said and "not ours to control (unit: null)" in said
