"""`up` refuses in one line that says what to mend, and leaves nothing behind."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from opsportal.local.datadir import DataDir
from opsportal.local.ports import free_port


def refusal(process: subprocess.Popen[str]) -> str:
    """The single line on stderr of an `up` that must fail."""
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    return lines[0]


def test_taken_port(start_up, data_dir: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refusal(start_up("--port", port, "--data", data_dir))
    assert line == f"ops: port {port} is taken: stop what uses it, or choose another with --port N"
    assert not data_dir.exists()


def test_data_folder_in_use(start_up, data_dir: Path):
    holder = DataDir(data_dir)
    holder.open()
    line = refusal(start_up("--port", free_port(), "--data", data_dir))
    assert "another copy is running in" in line
    assert "--data DIR" in line


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://nobody:x@127.0.0.1:1/none", "refused"),
        ("postgresql://nobody@no-such-host.invalid/none", "DATABASE_URL does not work"),
        ("mysql://root@127.0.0.1/db", "not a Postgres address"),
        ("nonsense", "not a Postgres address"),
    ],
)
def test_broken_database_url(start_up, data_dir: Path, url: str, reason: str):
    line = refusal(start_up("--port", free_port(), "--data", data_dir, DATABASE_URL=url))
    assert line.startswith("ops: DATABASE_URL")
    assert reason in line
    assert "or unset it for the built-in server" in line


def test_broken_redis_url(start_up, data_dir: Path):
    database = os.environ["DATABASE_URL"]
    url = "redis://127.0.0.1:1/0"
    line = refusal(start_up("--port", free_port(), "--data", data_dir, DATABASE_URL=database, REDIS_URL=url))
    assert line.startswith("ops: REDIS_URL does not work")


def test_full_disk(start_up, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a small disk")
    try:
        line = refusal(start_up("--port", free_port(), "--data", disk / "data"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert "is full" in line
    assert "free some space" in line


def test_commands_say_that_nothing_is_running(data_dir: Path):
    import sys

    from opsportal.local.attach import ROOT
    from tests.opsportal.conftest import clean_env

    argv = [sys.executable, "manage.py", "status", "--data", str(data_dir)]
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "nothing is running" in done.stderr
    assert "Traceback" not in done.stderr
