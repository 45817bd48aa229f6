"""What the faults that fill a volume do first: make sure that it is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaos.faults import _volumes
from chaos.faults.base import FaultFailed
from chaos.registry import FAULTS
from chaos.site import Site


def site(tmp_path: Path, driver: str = "process") -> Site:
    for name in ("applog", "scratch"):
        (tmp_path / name).mkdir()
    volumes = {name: str(tmp_path / name) for name in ("applog", "scratch")}
    return Site(tmp_path, {"driver": driver, "volumes": volumes})


@pytest.mark.parametrize("fault", ["disk_full", "inode_exhaustion"])
def test_a_plain_folder_is_never_filled(tmp_path: Path, fault: str) -> None:
    with pytest.raises(FaultFailed, match="no volume of its own"):
        FAULTS[fault].prepare(site(tmp_path), {"seed": 1})


def test_a_volume_that_is_gone_is_said_so(tmp_path: Path) -> None:
    made = site(tmp_path)
    (tmp_path / "applog").rmdir()
    with pytest.raises(FaultFailed, match="cannot be read: No such file"):
        _volumes.check(made, "applog")


def test_only_its_own_files_are_removed(tmp_path: Path) -> None:
    made = site(tmp_path)
    for name in ("sess_1_0.tmp", "other.tmp"):
        (tmp_path / "scratch" / name).touch()
    _volumes.remove(made, "scratch", "sess_*.tmp")
    assert [p.name for p in (tmp_path / "scratch").iterdir()] == ["other.tmp"]
    assert all(0 <= share <= 1 for share in _volumes.used(made, "scratch"))


def test_of_containers_it_is_looked_at_from_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    class Inside:
        def run_beside(self, unit: str, argv: list[str]) -> tuple[int, list[str]]:
            asked.append(argv)
            return (0, ["0.25 0.5"]) if argv[0] == "python" else (1, ["find: no"])

    made: Any = site(tmp_path, "docker")
    monkeypatch.setitem(made.__dict__, "hands", Inside())
    assert _volumes.used(made, "scratch") == (0.25, 0.5)
    with pytest.raises(OSError, match="find: no"):
        _volumes.remove(made, "scratch", "*.tmp")
    assert asked[1][1] == str(tmp_path / "scratch")
