"""Orphaned temporary files: old ones by their name, and never an open one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions import service
from actions.base import ActionContext, NoParams
from actions.catalogue.files.purge_temp_files import PurgeTempFiles
from actions.models import Risk, Status
from systems import services
from systems.machine.openfiles import open_files
from systems.services import LoadedSystem

pytestmark = pytest.mark.django_db


@pytest.fixture
def volume(system: LoadedSystem, base: Path) -> Path:
    """Of web-1, with what lies on it: old and new, open and closed, temporary and not."""
    folder = base / "scratch"
    (folder / "deep").mkdir(parents=True)
    path = base / "manifest.yaml"
    told = yaml.safe_load(path.read_text())
    told["services"]["web-1"]["volumes"] = [{"path": "scratch"}]
    path.write_text(yaml.safe_dump(told))
    services.register(path)
    for name in ("a.tmp", "deep/b.PART", "open.tmp", "kept.dat"):
        old(folder / name)
    (folder / "new.tmp").touch()
    (folder / "link.tmp").symlink_to(folder / "kept.dat")
    return folder


def old(path: Path, text: str = "") -> None:
    """Written two minutes ago, as far as the action can tell."""
    path.write_text(text)
    os.utime(path, (time.time() - 120,) * 2)


@pytest.fixture(autouse=True)
def _by_age_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can set back when a file was last renamed or given other rights: here only what was written counts."""
    monkeypatch.setattr("actions.catalogue.files.purge_temp_files.changed_at", lambda info: info.st_mtime)


def test_old_ones_that_nobody_has_open_go(volume: Path, alice: Any) -> None:
    with (volume / "open.tmp").open("rb"):
        shown = service.preview("tiny", "purge-temp-files", "web-1", {})
        assert sum("1 file," in line for line in shown["changes"]) == 2, shown["changes"]
        assert (shown["risk"], shown["loss"]) == (Risk.LOW, {})
        request = service.propose("tiny", "purge-temp-files", "web-1", {}, requested_by="alice")
        if request.status == Status.WAITING:
            request = service.decide(request.pk, alice, True)
        request = service.execute(request.pk)
        assert request.status == Status.SUCCEEDED, request.result
    left = {str(p.relative_to(volume)) for p in volume.rglob("*") if p.is_file()}
    assert left == {"open.tmp", "kept.dat", "new.tmp", "link.tmp"}


def test_what_is_not_empty_is_data(volume: Path) -> None:
    old(volume / "half.part", "half of something")
    shown = service.preview("tiny", "purge-temp-files", "web-1", {})
    assert (shown["risk"], shown["loss"]) == (Risk.HIGH, {"files": 1})


def test_where_open_files_of_others_cannot_be_seen_a_person_is_asked(volume: Path) -> None:
    ctx = ActionContext(services.load("tiny"), "web-1")
    assert "cannot be seen" in PurgeTempFiles().asks(ctx, NoParams()), "this runtime is no machine's own"


def test_a_process_that_hides_its_files_counts_for_its_user(tmp_path: Path) -> None:
    with (tmp_path / "mine").open("w") as file:
        info = os.fstat(file.fileno())
        found = open_files()
        assert (info.st_dev, info.st_ino) in found and found.seen
    assert (info.st_dev, info.st_ino) not in open_files()
    assert not open_files(tmp_path).seen
