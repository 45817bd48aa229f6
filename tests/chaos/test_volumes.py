"""What the faults that fill a volume do first: make sure that it is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.faults import _volumes
from chaos.faults.base import FaultFailed
from chaos.registry import FAULTS
from chaos.site import Site


def site(tmp_path: Path) -> Site:
    for name in ("applog", "scratch"):
        (tmp_path / name).mkdir()
    volumes = {name: str(tmp_path / name) for name in ("applog", "scratch")}
    return Site(tmp_path, {"volumes": volumes})


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
