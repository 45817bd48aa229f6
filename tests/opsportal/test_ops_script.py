"""`./ops` says in one line what to mend when it cannot do its work."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from opsportal.local.attach import ROOT
from tests.opsportal.conftest import clean_env


def run_ops(*words: str, cwd: Path = ROOT, python: str = sys.executable, **env: str):
    argv = [python, str(cwd / "ops"), *words]
    return subprocess.run(argv, env=clean_env(**env), capture_output=True, text=True, timeout=120)


def checkout(folder: Path, lock: str) -> Path:
    """A copy of the launcher with a lock file of its own."""
    folder.mkdir()
    for name in ("ops", "requirements-uv.lock"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "requirements.lock").write_text(lock)
    return folder


def fake_python(folder: Path, script: str) -> str:
    """An executable that stands in for the interpreter of the virtual environment."""
    path = folder / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def test_help_needs_no_installation(tmp_path: Path):
    done = run_ops("--help", OPS_VENV=str(tmp_path / "venv"))
    assert done.returncode == 0
    assert "./ops COMMAND" in done.stdout
    for word in ("up", "demo", "gameday", "sandbox", "test"):
        assert f"\n  {word} " in done.stdout
    assert not (tmp_path / "venv").exists()


def test_unknown_command_is_named():
    done = run_ops("upp")
    assert (done.returncode, done.stderr) == (1, "ops: there is no command 'upp'; ./ops --help lists them\n")


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("error: failed to write: No space left on device (os error 28)", "is full: free some space"),
        ("error: dns error: failed to lookup address information", "check the network"),
        ("ensurepip is not available", "apt install python3-venv"),
        ("error: Permission denied (os error 13)", "make it writable"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "does not match the lock file"),
        ("error: something else broke", "failed: error: something else broke"),
    ],
)
def test_failed_installation_is_one_line(tmp_path: Path, output: str, advice: str):
    here = checkout(tmp_path / "checkout", "nothing==1\n")
    venv = fake_python(tmp_path / "venv", f'[ "$1" = -c ] && exit 0\necho "{output}"\nexit 1')
    done = run_ops("status", cwd=here, OPS_VENV=venv)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ops: ")
    assert advice in last
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_named(tmp_path: Path):
    """A virtual environment on a disk without room: the real error of the operating system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a small disk")
    try:
        done = run_ops("status", cwd=checkout(tmp_path / "checkout", ""), OPS_VENV=str(disk / "venv"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert done.returncode == 1
    assert "is full: free some space" in done.stderr.splitlines()[-1]


def test_an_old_python_is_told_what_is_needed(tmp_path: Path):
    """The script as an old interpreter sees it: the version check must come before anything newer."""
    code = (
        "import sys, shutil, runpy; sys.version_info = (3, 8, 0, 'final', 0); shutil.which = lambda name: None; "
        f"sys.argv = ['ops', 'up']; runpy.run_path({str(ROOT / 'ops')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean_env())
    assert done.returncode == 1
    assert done.stderr == (
        "ops: needs Python 3.11 or newer, this is 3.8: install python3.11 (or newer) and run again\n"
    )


def test_the_script_has_no_syntax_newer_than_python_3_6():
    import ast

    ast.parse((ROOT / "ops").read_text(), feature_version=(3, 6))


def test_locks_hold_hashes_and_no_addresses():
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert text.count("==") <= text.count("--hash=sha256:")
