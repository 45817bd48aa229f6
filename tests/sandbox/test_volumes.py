"""The small volumes, and the pictures that are kept on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.shop.api.uploads import KEPT, PART, Uploads

from .conftest import ROOT, wait_for
from .test_gateway import config


@pytest.fixture
def volumes(tmp_path: Path) -> Iterator[Path]:
    """The folder with the links of a running storage."""
    folder = tmp_path / "vol"
    folder.mkdir()
    env = {**os.environ, "VOLUMES_DIR": str(folder), "MOUNTS_DIR": str(tmp_path / "run/volumes")}
    argv = [sys.executable, "-m", "sandbox.shop.storage"]
    process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: (folder / "scratch").exists() or None, 20)
        if not (folder / "scratch").is_symlink():
            pytest.skip("no mounts of one's own here")
        yield folder
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_each_is_small_and_ends_with_whoever_mounted_it(volumes: Path) -> None:
    size = os.statvfs(volumes / "applog")
    assert size.f_blocks * size.f_frsize == 24 * 1024**2
    assert os.statvfs(volumes / "scratch").f_files == 2000
    assert list((volumes.parent / "run/volumes").iterdir()) == [], "nobody else sees the mounts"
    with pytest.raises(OSError, match="No space left"):
        (volumes / "applog/big").write_bytes(b"x" * 26_000_000)


def test_a_picture_leaves_nothing_but_itself_unless_told_to(tmp_path: Path, volumes: Path) -> None:
    settled = config(tmp_path, {})
    uploads = Uploads(settled, volumes / "scratch", volumes / "applog/uploads")
    name = uploads.take(os.urandom(5 * PART))
    assert list((volumes / "scratch").iterdir()) == []
    assert (volumes / f"applog/uploads/{name}.img").stat().st_size == 5 * PART
    for _ in range(KEPT + 3):
        uploads.take(b"x")
    assert len(list((volumes / "applog/uploads").iterdir())) == KEPT
    settled.data = {"upload": {"keep_tmp": True}}
    with pytest.raises(OSError, match=r"No space left on device: '.*sess_.*\.tmp'"):
        uploads.take(b"x" * 2500 * PART)
    left = list((volumes / "scratch").iterdir())
    assert len(left) > 1900 and not any(path.stat().st_size for path in left)
