"""A whole copy of the portal, as a newcomer starts it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from opsportal.local.attach import ROOT
from opsportal.local.ports import free_port
from tests.opsportal.conftest import Start, clean_env

pytestmark = [pytest.mark.slow, pytest.mark.paired]


def until_ready(process: subprocess.Popen[str]) -> str:
    """Everything an `up` prints until it is ready."""
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C stops everything" in line:
            return printed
    assert process.stderr
    raise AssertionError(printed + process.stderr.read())


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def left_of(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a while. A zombie does not: it waits for the machine's init to note its end."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def sign_in(url: str, password: str) -> int:
    """Status of the page after the login form: 302 when it let us in."""
    with httpx.Client(base_url=url) as client:
        client.get("login/")
        token = client.cookies["csrftoken"]
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
        return client.post("login/", data=form, headers={"referer": url}).status_code


def ops(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=60)


def test_first_start_status_stop_second_start_and_kill(start_up: Start, data_dir: Path):
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    first = start_up("--port", port, "--data", data_dir)
    printed = until_ready(first)
    found = re.search(r"admin / (\S+) ", printed)
    assert found, printed
    password = found[1]

    answer = httpx.get(f"{url}healthz")
    assert answer.status_code == 200
    assert set(answer.json()["parts"]) == {"postgres", "redis", "worker", "watcher"}
    assert sign_in(url, password) == 302
    assert sign_in(url, "wrong") == 200

    status = ops("status", "--data", str(data_dir))
    assert status.returncode == 0, status.stderr
    assert "gateway" in status.stdout
    units = ops("sandbox", "status", "--data", str(data_dir))
    assert units.returncode == 0, units.stderr
    assert "RUNNING" in units.stdout

    other = start_up("--port", free_port(), "--data", data_dir)
    assert "another copy is running" in other.communicate(timeout=30)[1]

    children = family(first)
    first.send_signal(signal.SIGINT)
    assert first.wait(30) == 0
    assert left_of(children) == []

    second = start_up("--port", port, "--data", data_dir)
    assert "shown only this once" not in until_ready(second)
    assert sign_in(url, password) == 302
    children = family(second)
    assert len(children) > 15
    os.kill(second.pid, signal.SIGKILL)
    assert left_of(children) == []
