"""kill -9 of each process and store of a portal, of the keeper, and of the launcher in the middle of a fault."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from chaos.journal import Entry, Journal
from opsportal.local.ports import free_port
from tests.opsportal.conftest import Start
from tests.opsportal.test_up import family, left_of, ops, sign_in, until_ready

pytestmark = pytest.mark.slow
PARTS = ("redis", "postgres", "web", "worker", "watch", "keeper")
STORES = ("redis", "postgres")
PATIENCE_S = 150.0  # of a test on a busy machine; nothing is measured here
PASSWORD = "a-given-one-42"


def until(true: Callable[[], Any], said: Callable[[], object] = lambda: "") -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, said()
        time.sleep(0.2)


class Copy:
    """A running `up`."""

    def __init__(self, process: subprocess.Popen[str], data: Path, port: int) -> None:
        self.process, self.data, self.url = process, data, f"http://127.0.0.1:{port}/"
        self.journal = Journal(data / "chaos-journal")

    def known(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "run" / "up.json").read_text())
        return found

    def pid(self, name: str) -> int | None:
        return self.known()["children"].get(name, {}).get("pid")

    def health(self) -> httpx.Response | None:
        try:
            return httpx.get(f"{self.url}healthz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return None

    def ready(self) -> bool:
        answer = self.health()
        return answer is not None and answer.status_code == 200

    def config(self, unit: str) -> str:
        return (self.data / "sandbox" / "etc" / f"{unit}.yaml").read_text()

    def ops(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return ops(*words, "--data", str(self.data))

    def said_until(self, words: list[str]) -> None:
        """Read what it prints until all those words were said."""
        assert self.process.stdout
        for line in self.process.stdout:
            words = [word for word in words if word not in line]
            if not words:
                return
        raise AssertionError(f"never said: {words}")


def test_whatever_is_killed_comes_back_and_faults_end_with_the_launcher(start_up: Start, data_dir: Path):
    port = free_port()
    first = start_up("--port", port, "--data", data_dir, OPSPORTAL_ADMIN_PASSWORD=PASSWORD)
    until_ready(first)
    copy = Copy(first, data_dir, port)
    _stores_and_processes(copy)
    _launcher_in_the_middle_of_a_fault(copy)
    second = start_up("--port", port, "--data", data_dir, OPSPORTAL_ADMIN_PASSWORD=PASSWORD)
    copy = Copy(second, data_dir, port)
    until_ready(second)
    _launcher_and_keeper_together(copy)
    third = start_up("--port", port, "--data", data_dir, OPSPORTAL_ADMIN_PASSWORD=PASSWORD)
    copy = Copy(third, data_dir, port)
    printed = until_ready(third)
    assert "left by an earlier run, config_corruption: its files are back" in printed
    assert "taken back, left by an earlier run: config_corruption" in printed
    assert printed.index("taken back, left by") < printed.index("web server, worker and watcher are starting")
    assert copy.journal.live() == []


def _stores_and_processes(copy: Copy) -> None:
    """Each with a line that says so; the stores on the same port with the same data, and everybody finds them again."""
    before, was = {name: copy.pid(name) for name in PARTS}, copy.known()
    for pid in before.values():
        assert pid
        os.kill(pid, signal.SIGKILL)
    copy.said_until([f"{name} ended (signal 9), starting it again" for name in PARTS])
    until(lambda: all(copy.pid(name) not in (None, before[name]) for name in PARTS), copy.known)
    until(copy.ready, lambda: getattr(copy.health(), "text", "no answer"))
    assert [copy.known()[k] for k in ("database_url", "redis_url")] == [
        was[k] for k in ("database_url", "redis_url")
    ]
    for store in STORES:  # now each alone, so that who lives on has to find it again
        pid = copy.pid(store)
        assert pid
        os.kill(pid, signal.SIGKILL)
        until(lambda s=store, p=pid: copy.pid(s) not in (None, p), copy.known)
        until(copy.ready, lambda: getattr(copy.health(), "text", "no answer"))
    others = {name: copy.pid(name) for name in PARTS if name not in STORES}
    assert sign_in(copy.url, PASSWORD) == 302
    assert copy.ops("status").returncode == 0
    assert others == {name: copy.pid(name) for name in others}


def _break_it(copy: Copy) -> tuple[str, str]:
    """Two files of the api are broken, and its processes with them; the files as they were."""
    whole = copy.config("api-1"), copy.config("api-2")
    broke = copy.ops("break", "config_corruption", "--force")
    assert broke.returncode == 0, broke.stderr
    return whole


def _launcher_in_the_middle_of_a_fault(copy: Copy) -> None:
    """The keeper, who outlives it, takes the fault back while the sandbox runs; then nothing is left."""
    whole = _break_it(copy)
    children = family(copy.process)
    os.kill(copy.process.pid, signal.SIGKILL)
    until(lambda: not copy.journal.live(), copy.journal.live)
    entry: Entry = copy.journal.entries()[-1]
    assert (entry.reverted_by, entry.left) == ("the portal's end", [])
    assert (copy.config("api-1"), copy.config("api-2")) == whole
    until(lambda: not left_of(children), lambda: left_of(children))


def _launcher_and_keeper_together(copy: Copy) -> None:
    """Nobody is left to take it back: files by `./ops revert --all`, the rest by the next start."""
    whole = _break_it(copy)
    children = family(copy.process)
    keeper = copy.pid("keeper")
    assert keeper
    os.kill(copy.process.pid, signal.SIGSTOP)  # or it would start another keeper in between
    os.kill(keeper, signal.SIGKILL)
    os.kill(copy.process.pid, signal.SIGKILL)
    until(lambda: not left_of(children), lambda: left_of(children))
    assert (copy.config("api-1"), copy.config("api-2")) != whole
    done = copy.ops("revert", "--all")
    assert done.returncode == 1
    assert "left for the next start" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert (copy.config("api-1"), copy.config("api-2")) == whole
    assert copy.journal.live()


def test_without_the_sandbox_and_with_an_ill_system(start_up: Start, data_dir: Path, tmp_path: Path):
    """A system whose parts all refuse, and one whose manifest is broken since: the portal starts all the same."""
    port = free_port()
    first = start_up("--port", port, "--data", data_dir, "--no-sandbox", OPSPORTAL_ADMIN_PASSWORD=PASSWORD)
    printed = until_ready(first)
    assert "register_system" in printed
    copy = Copy(first, data_dir, port)
    assert not (data_dir / "sandbox" / "site.json").exists()
    assert not [p for p in family(first) if "systems.supervisor" in " ".join(p.cmdline())]
    demo = copy.ops("demo")
    assert demo.returncode != 0
    assert "Traceback" not in demo.stderr
    assert "none is registered" in demo.stderr
    for name, port_of_it in (("ill", free_port()), ("broken", free_port())):
        url = f"http://127.0.0.1:{port_of_it}/"
        manifest = {
            "system": name,
            "runtime": {"driver": "process", "socket": str(tmp_path / "none.sock")},
            "services": {"web": {"kind": "http", "unit": "web", "http": {"url": url}}},
            "journeys": [{"name": "look", "steps": [{"get": url, "expect": 200}]}],
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(manifest))
        done = copy.ops("register_system", str(tmp_path / f"{name}.yaml"))
        assert done.returncode == 0, done.stderr
    (tmp_path / "broken.yaml").write_text("system: [")
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 0
    second = start_up("--port", port, "--data", data_dir, "--no-sandbox", OPSPORTAL_ADMIN_PASSWORD=PASSWORD)
    until_ready(second)
    answer = Copy(second, data_dir, port).health()
    assert answer is not None and answer.status_code == 200
    until(lambda: "ill" in answer_systems(copy), lambda: answer_systems(copy))
    assert not answer_systems(copy)["ill"]["whole_once"]


def answer_systems(copy: Copy) -> dict[str, Any]:
    answer = copy.health()
    return answer.json()["systems"] if answer is not None else {}
