"""Starting, ending, retrying, giving up, order, limits: on real processes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from .harness import SLEEPER, Running, alive, eventually, free_port

WAIT = "import time; time.sleep(600)"
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""
CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {WAIT!r}], start_new_session="own" in sys.argv)
print(child.pid, flush=True)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
time.sleep(600)
"""
HOG = """
import time
keep = []
while True:
    keep.append(bytearray(b"x" * 4_000_000))
    time.sleep(0.01)
"""


def test_a_killed_process_is_back_and_the_exit_is_pushed(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    first = sup.reach("a", "RUNNING")
    events = sup.events()
    asked = time.time()
    os.kill(first["pid"], signal.SIGKILL)
    gone = events.until(event="exit", service="a")
    again = events.until(event="started", service="a")
    assert gone["pid"] == first["pid"]
    assert gone["exit_code"] == -9
    assert gone["oom"] is False
    assert gone["at"] >= asked - 0.05
    assert again["pid"] != first["pid"]
    now = sup.reach("a", "RUNNING")
    assert (now["restarts"], now["exit_code"], now["fatal"]) == (1, -9, False)


@pytest.mark.parametrize("argv", [["{python}", "-c", "raise SystemExit(3)"], ["/no/such/program"]])
def test_gives_up_after_three_failures_and_a_start_tries_again(supervise, argv) -> None:
    sup = supervise({"a": {"command": argv, "autostart": False}})
    events = sup.events()
    sup.ask("start", "a")
    events.until(event="fatal", service="a")
    now = sup.status("a")
    assert (now["state"], now["fatal"], now["restarts"], now["pid"]) == ("FATAL", True, 2, None)
    sup.ask("start", "a")
    events.until(event="fatal", service="a")
    assert sup.status("a")["restarts"] == 4


def test_a_bad_env_file_is_a_failed_start_with_its_line(supervise, tmp_path: Path) -> None:
    env = tmp_path / "a.env"
    env.write_text("GOOD=1\nhunter2 without equals\n")
    sup = supervise({"a": {"command": SLEEPER, "env_file": "a.env", "log": "log/a.log"}})
    sup.reach("a", "FATAL")
    text = (tmp_path / "log/a.log").read_text()
    assert "a.env:2" in text
    assert "hunter2" not in text + (tmp_path / "log/supervisor.log").read_text()
    refused = sup.ask("start", "a")
    assert not refused["ok"]
    assert "a.env:2" in refused["error"]
    env.write_text("GOOD=1\n")
    assert sup.ask("restart", "a")["ok"]
    assert sup.status("a")["state"] == "RUNNING"


def test_the_environment_is_replaced_and_reread(supervise, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_SECRET", "must-not-leak")
    env = tmp_path / "a.env"
    env.write_text("# comment\nexport A='one two'\nB=2\n")
    sup = supervise({"a": {"command": SLEEPER, "env": {"B": "1", "C": "3"}, "env_file": "a.env"}})
    out = sup.ask("exec", "a", argv=["env"])["out"].splitlines()
    assert {"A=one two", "B=2", "C=3"} <= set(out)
    assert not [line for line in out if "must-not-leak" in line]
    env.write_text("A=changed\n")
    sup.ask("restart", "a")
    running = Path(f"/proc/{sup.status('a')['pid']}/environ").read_bytes().split(b"\0")
    assert b"A=changed" in running
    assert b"B=1" in running


def test_a_deliberate_stop_is_not_retried(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    pid = sup.reach("a", "RUNNING")["pid"]
    answer = sup.ask("stop", "a")
    assert (answer["state"], answer["pid"], answer["exit_code"], answer["restarts"]) == (
        "STOPPED",
        None,
        -15,
        0,
    )
    assert not alive(pid)


def test_a_stopped_process_is_killed_by_a_restart_without_a_wait(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER, "grace_s": 600}})
    pid = sup.reach("a", "RUNNING")["pid"]
    assert sup.ask("pause", "a")["ok"]
    eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    answer = sup.ask("restart", "a")
    assert answer["exit_code"] == -9
    assert answer["pid"] not in (None, pid)
    assert answer["state"] == "RUNNING"


def test_grace_of_the_request_wins_and_kill_reaches_the_group(supervise, tmp_path: Path) -> None:
    sup = supervise({"a": {"command": ["{python}", "-c", CHILD + STUBBORN], "log": "a.log", "grace_s": 600}})
    log = tmp_path / "a.log"
    eventually(lambda: log.exists() and "up" in log.read_text())
    child = int(log.read_text().split()[0])
    assert sup.ask("stop", "a", grace_s=0.1)["exit_code"] == -9
    eventually(lambda: not alive(child))


def test_daemonised_children_end_with_their_service(supervise, tmp_path: Path) -> None:
    sup = supervise({"a": {"command": ["{python}", "-c", DAEMON], "log": "a.log"}})
    log = tmp_path / "a.log"
    child = int(eventually(lambda: log.exists() and log.read_text().strip()))
    sup.ask("kill", "a")
    eventually(lambda: not alive(child))


def test_ready_moves_to_running_and_others_wait_for_it(supervise, tmp_path: Path) -> None:
    port, gate = free_port(), tmp_path / "gate"
    server = (
        "import pathlib, socket, time\n"
        f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\n"
        f"s = socket.create_server(('127.0.0.1', {port}))\nwhile 1: s.accept()[0].close()"
    )
    sup = supervise(
        {
            "db": {"command": ["{python}", "-c", server], "ready": {"tcp": port}},
            "api": {"command": SLEEPER, "after": ["db"]},
        }
    )
    sup.reach("db", "STARTING")
    assert sup.status("api")["state"] == "STOPPED"
    gate.touch()
    sup.reach("db", "RUNNING")
    sup.reach("api", "RUNNING")


def test_http_ready_needs_a_good_status(supervise, tmp_path: Path) -> None:
    port, ok = free_port(), tmp_path / "ok"
    server = (
        "import http.server, pathlib\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        print('asked', flush=True)\n"
        f"        self.send_response(200 if pathlib.Path({str(ok)!r}).exists() else 503); self.end_headers()\n"
        f"http.server.HTTPServer(('127.0.0.1', {port}), H).serve_forever()"
    )
    url = f"http://127.0.0.1:{port}/readyz"
    sup = supervise({"a": {"command": ["{python}", "-c", server], "ready": {"http": url}, "log": "a.log"}})
    eventually(lambda: (tmp_path / "a.log").exists() and "asked" in (tmp_path / "a.log").read_text())
    assert sup.status("a")["state"] == "STARTING"
    ok.touch()
    sup.reach("a", "RUNNING")


def cgroups_of(sup: Running) -> list[Path]:
    """Others' come and go while we look, which os.walk takes as it is."""
    name = f"supervisor-{sup.process.pid}"
    return [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if folder.endswith(f"/{name}")]


@pytest.mark.skipif(os.geteuid() != 0, reason="a cgroup needs root")
def test_the_kernel_kills_over_the_cgroup_limit(supervise) -> None:
    sup = supervise({"a": {"command": ["{python}", "-c", HOG], "memory_limit_mb": 60}})
    if sup.status("a")["limit_kind"] != "cgroup":
        pytest.skip("no writable memory cgroup here")
    events = sup.events()
    gone = events.until(event="exit", service="a")
    assert (gone["exit_code"], gone["oom"]) == (-9, True)
    assert sup.status("a")["oom_kills"] >= 1
    assert sup.ask("limits", "a", memory_mb=4000)["memory_limit_mb"] == 4000
    groups = cgroups_of(sup)
    assert groups
    sup.close()
    assert not any(g.exists() for g in groups)


def test_the_supervisor_kills_over_its_own_limit(supervise, monkeypatch) -> None:
    monkeypatch.setenv("SUPERVISOR_NO_CGROUP", "1")
    sup = supervise({"a": {"command": ["{python}", "-c", HOG], "memory_limit_mb": 60}})
    assert sup.status("a")["limit_kind"] == "supervisor"
    events = sup.events()
    assert events.until(event="oom", service="a")["oom"] is True
    gone = events.until(event="exit", service="a")
    assert (gone["exit_code"], gone["oom"]) == (-9, True)


def test_release_switches_the_link_and_restarts(supervise, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / "rel" / version).mkdir(parents=True)
        (tmp_path / "rel" / version / "app.py").write_text(
            f"print({version!r}, flush=True)\nimport signal; signal.pause()"
        )
    (tmp_path / "rel/current").symlink_to("1.0.0")
    spec = {"command": ["{python}", "-m", "app"], "cwd": "rel/current", "release": "rel", "log": "a.log"}
    sup = supervise({"a": spec})
    log = tmp_path / "a.log"
    eventually(lambda: log.exists() and "1.0.0" in log.read_text())
    assert sup.status("a")["release"] == "1.0.0"
    answer = sup.ask("release", "a", version="1.1.0")
    assert (answer["ok"], answer["release"], answer["previous"]) == (True, "1.1.0", "1.0.0")
    eventually(lambda: "1.1.0" in log.read_text())
    written = (tmp_path / "rel/current").lstat().st_mtime_ns
    assert sup.ask("release", "a", version="1.1.0")["ok"]
    assert (tmp_path / "rel/current").lstat().st_mtime_ns == written, (
        "it is older than the process it started"
    )
    for bad in ("9.9", "../rel", "current", None):
        assert not sup.ask("release", "a", version=bad)["ok"]
    assert sup.status("a")["release"] == "1.1.0"


def test_after_kill_9_of_the_supervisor_nothing_is_left(supervise, tmp_path: Path) -> None:
    sup = supervise(
        {
            "a": {"command": SLEEPER, "memory_limit_mb": 100},
            "jobs": {"command": ["{python}", "-c", CHILD + WAIT, "own"], "log": "jobs.log"},
            "warm": {"command": ["{python}", "-m", "http.server", str(free_port())], "warm": ["http.server"]},
        }
    )
    log = tmp_path / "jobs.log"
    grandchild = int(eventually(lambda: log.exists() and log.read_text().strip()))
    sup.reach("warm", "RUNNING")
    pids = [s["pid"] for s in sup.ask("status")["services"].values()] + [grandchild]
    children = [
        int(p.parent.name) for p in Path("/proc").glob("[0-9]*/stat") if _parent(p) == sup.process.pid
    ]
    assert len(children) >= 5  # three services, the warm interpreter, the keeper
    sup.kill()
    eventually(lambda: not [p for p in {*pids, *children} if alive(p)], "everybody gone")
    eventually(lambda: not cgroups_of(sup))


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_sigterm_stops_in_reverse_order(supervise) -> None:
    sup = supervise({"db": {"command": SLEEPER}, "api": {"command": SLEEPER, "after": ["db"]}})
    sup.reach("api", "RUNNING")
    sup.close()
    assert sup.process.returncode == 0
    exits = [line["service"] for line in sup.own_log() if line["msg"] == "exit"]
    assert exits == ["api", "db"]
    assert not sup.socket.exists()


def test_die_with_parent(tmp_path: Path) -> None:
    import subprocess

    import yaml

    from .harness import ROOT, reach

    (tmp_path / "p.yaml").write_text(yaml.safe_dump({"services": {"a": {"command": SLEEPER}}, "socket": "s"}))
    code = (
        "import subprocess, sys, signal\n"
        "p = subprocess.Popen([sys.executable, '-m', 'systems.supervisor', sys.argv[1], '--die-with-parent'])\n"
        "print(p.pid, flush=True); signal.pause()"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "p.yaml")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert launcher.stdout
    supervisor = int(launcher.stdout.readline())
    client = eventually(lambda: reach(tmp_path / "s"))
    service = eventually(lambda: client.ask("status")["services"]["a"]["pid"])
    client.close()
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    eventually(lambda: not alive(supervisor) and not alive(service))


def test_a_port_is_free_again_when_the_restart_answers(supervise) -> None:
    port = free_port()
    server = (
        f"import socket, signal\ns = socket.create_server(('127.0.0.1', {port}))\n"
        "print('up', flush=True)\nsignal.pause()"
    )
    sup = supervise({"a": {"command": ["{python}", "-c", server], "ready": {"tcp": port}}})
    sup.reach("a", "RUNNING")
    for _ in range(3):
        assert sup.ask("restart", "a")["ok"]
    sup.reach("a", "RUNNING")
    socket.create_connection(("127.0.0.1", port), 5).close()
    assert sup.status("a")["restarts"] == 0
