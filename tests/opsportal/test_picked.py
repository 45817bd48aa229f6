"""Which system a command means, and whether it is made of what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from opsportal import picked
from opsportal.local.instance import runtime_option
from systems import services

MANIFEST = """\
system: {name}
runtime: {{driver: fake, units: [web]}}
services:
  web: {{kind: backend-api, unit: web}}
"""


def options(system: str = "", runtime: str | None = None) -> dict[str, Any]:
    return {"system": system, "runtime": runtime}


def register(folder: Path, name: str) -> None:
    path = folder / f"{name}.yaml"
    path.write_text(MANIFEST.format(name=name))
    services.register(path)


def test_the_only_one_is_meant(db: None, tmp_path: Path):
    with pytest.raises(CommandError, match="none is registered"):
        picked.chosen(options())
    register(tmp_path, "one")
    assert picked.chosen(options()).slug == "one"
    register(tmp_path, "two")
    with pytest.raises(CommandError, match=r"name it with --system SLUG \(one, two\)"):
        picked.chosen(options())
    assert picked.chosen(options("two")).slug == "two"


def test_a_name_that_is_not_registered_is_told(db: None, tmp_path: Path):
    register(tmp_path, "one")
    with pytest.raises(CommandError, match=r"no system 'on' \(registered: one\)"):
        picked.chosen(options("on"))


def test_what_runs_as_something_else_is_refused(db: None, tmp_path: Path):
    register(tmp_path, "one")
    assert picked.chosen(options(runtime="fake")).slug == "one"
    for command in ("gameday", "demo", "bench"):
        with pytest.raises(CommandError, match=r"one runs as fake: stop that portal.*--data"):
            call_command(command, "--runtime", "docker")


def test_a_system_that_is_no_sandbox_is_not_played_with(db: None, tmp_path: Path):
    for command in ("gameday", "demo"):
        with pytest.raises(CommandError, match=r"none is registered.*register_system.*without --no-sandbox"):
            call_command(command)
    register(tmp_path, "one")
    for command in ("gameday", "demo"):
        with pytest.raises(CommandError, match=r"one is not the built-in sandbox.*without --no-sandbox"):
            call_command(command)


def test_the_portal_that_is_started_gets_the_runtime():
    assert runtime_option(["manage.py", "demo", "--runtime", "docker"]) == ["--runtime", "docker"]
    assert runtime_option(["manage.py", "gameday", "--runtime=docker"]) == ["--runtime", "docker"]
    assert runtime_option(["manage.py", "gameday"]) == []
