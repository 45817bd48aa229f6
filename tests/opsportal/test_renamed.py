"""The sandbox under other names is under care for as long as the game day needs it, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from opsportal import renamed
from opsportal.local import renamed as local
from opsportal.local.errors import LocalError
from systems import services
from systems.models import System

MANIFEST = """
system: {name}
runtime: {{driver: fake, name: {name}, units: [db]}}
services: {{db: {{kind: postgres}}}}
"""


@pytest.fixture
def plain(db: None, tmp_path: Path) -> System:
    return put(tmp_path / "plain", "shop")


def put(folder: Path, name: str) -> System:
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST.format(name=name))
    return services.register(folder / "manifest.yaml")


@pytest.fixture
def other(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the second one lies, which nobody has to start here."""
    settings.OPSPORTAL_DATA = tmp_path
    folder = tmp_path / local.FOLDER

    @contextmanager
    def running(data: Path, logs: Path, seed: int) -> Iterator[Path]:
        folder.mkdir(exist_ok=True)
        (folder / "manifest.yaml").write_text(MANIFEST.format(name="mart"))
        if seed == 13:
            raise LocalError("no free block of ports above 21000")
        yield folder

    monkeypatch.setattr(renamed, "running", running)
    return folder


def watched() -> dict[str, bool]:
    return dict(System.objects.values_list("slug", "enabled"))


def test_it_is_watched_in_place_of_the_plain_one_and_then_no_more(plain: System, other: Path):
    said: list[str] = []
    for _ in range(2):  # its row is taken up again
        with renamed.renamed(plain, 3, said.append) as row:
            assert row.slug == "mart" and Path(row.manifest_path).parent == other
            assert watched() == {"mart": True, "shop": False}
        assert watched() == {"mart": False, "shop": True}
    assert "seed 3" in said[0]
    with pytest.raises(ZeroDivisionError), renamed.renamed(plain, 3, said.append):
        raise ZeroDivisionError
    assert watched() == {"mart": False, "shop": True}


def test_a_plain_one_that_was_not_watched_stays_so(plain: System, other: Path):
    System.objects.update(enabled=False)
    with renamed.renamed(plain, 3, lambda _: None):
        pass
    assert watched() == {"mart": False, "shop": False}


def test_after_one_that_was_killed_the_plain_one_is_watched_again(plain: System, other: Path, tmp_path: Path):
    System.objects.update(manifest_path=str(tmp_path / renamed.PLAIN / "manifest.yaml"), enabled=False)
    put(other, "mart")
    with local._alone(tmp_path):  # while it lives
        renamed.put_right()
        assert watched() == {"mart": True, "shop": False}
    for _ in range(2):
        renamed.put_right()
        assert not other.exists()
        assert watched() == {"mart": False, "shop": True}


def test_somebody_elses_system_of_that_name_is_left_alone(plain: System, other: Path, tmp_path: Path):
    put(tmp_path / "theirs", "mart")
    with (
        pytest.raises(CommandError, match="mart is registered already"),
        renamed.renamed(plain, 3, lambda _: None),
    ):
        pass
    assert watched() == {"mart": True, "shop": True}


def test_why_there_is_none_is_said_in_a_sentence(plain: System, other: Path):
    with (
        pytest.raises(CommandError, match="no free block of ports"),
        renamed.renamed(plain, 13, lambda _: None),
    ):
        pass
    assert watched() == {"shop": True}


def test_what_a_killed_game_day_left_is_removed(tmp_path: Path):
    local.remove(tmp_path)  # there is none
    (tmp_path / local.FOLDER / "etc").mkdir(parents=True)
    local.remove(tmp_path)
    assert not (tmp_path / local.FOLDER).exists()
