"""Processes forked from a warmed interpreter must be like any other `python -m MODULE`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from .harness import Running, alive, eventually

REPORT = """
import json, os, random, signal, sys, time
import helper
mine = dict(
    argv=sys.argv, cwd=os.getcwd(), env=dict(os.environ), name=__name__, sid=os.getsid(0), pid=os.getpid(),
    ppid=os.getppid(), term=signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, rnd=random.random(),
    warmed="wave" in sys.modules, helper=helper.__file__, fds=sorted(os.listdir("/proc/self/fd")),
)
print(json.dumps(mine), flush=True)
command = open("then").read()
if command == "raise":
    raise ValueError("as asked")
if command.startswith("exit"):
    sys.exit(int(command.split()[1]))
signal.pause()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (tmp_path / "vendor").mkdir()
    folder.mkdir()
    (folder / "report.py").write_text(REPORT)
    (tmp_path / "vendor" / "helper.py").write_text("")
    (folder / "then").write_text("wait")
    return folder


def spec(tmp_path: Path, **more):
    return {
        "command": ["{python}", "-m", "report", "--flag", "x y"],
        "cwd": "app",
        "env": {"COLOUR": "blue", "PYTHONPATH": str(tmp_path / "vendor")},
        "log": "a.log",
        "warm": ["wave"],
    } | more


def reports(tmp_path: Path, count: int = 1) -> list[dict]:
    log = tmp_path / "a.log"

    def found():
        lines = (
            [json.loads(x) for x in log.read_text().splitlines() if x.startswith("{")] if log.exists() else []
        )
        lines = [x for x in lines if "argv" in x]
        return lines if len(lines) >= count else None

    return eventually(found, "the service reports")


def zygote_of(sup: Running) -> int:
    children = psutil.Process(sup.process.pid).children()
    return next(child.pid for child in children if "(warm)" in " ".join(child.cmdline()))


def test_it_looks_like_a_fresh_interpreter(supervise, tmp_path: Path, app: Path, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_SECRET", "must-not-leak")
    sup = supervise({"a": spec(tmp_path)})
    me = reports(tmp_path)[0]
    assert me["warmed"], "it was not forked from the warm interpreter"
    assert me["argv"] == [str(app / "report.py"), "--flag", "x y"]
    assert (me["cwd"], me["name"], me["term"]) == (str(app), "__main__", True)
    assert me["env"]["COLOUR"] == "blue"
    assert "must-not-leak" not in json.dumps(me["env"])
    assert me["sid"] == me["pid"] == sup.status("a")["pid"]
    assert me["ppid"] == sup.process.pid
    assert me["helper"] == str(tmp_path / "vendor" / "helper.py")
    assert me["fds"][:3] == ["0", "1", "2"]
    assert len(me["fds"]) == 4  # and the listing itself
    title = Path(f"/proc/{me['pid']}/cmdline").read_bytes().rstrip(b"\0").decode()
    assert title.endswith("-m report --flag x y")
    sup.ask("restart", "a")
    assert reports(tmp_path, 2)[1]["rnd"] != me["rnd"]


@pytest.mark.parametrize(
    ("then", "code", "traceback"), [("exit 5", 5, False), ("exit 0", 0, False), ("raise", 1, True)]
)
def test_exit_codes_are_the_real_ones(supervise, tmp_path: Path, app: Path, then, code, traceback) -> None:
    (app / "then").write_text(then)
    sup = supervise({"a": spec(tmp_path, autorestart=False, autostart=False)})
    events = sup.events()
    sup.ask("start", "a")
    assert events.until(event="exit", service="a")["exit_code"] == code
    assert sup.status("a")["state"] == "STOPPED"
    text = (tmp_path / "a.log").read_text()
    assert ("ValueError: as asked" in text) is traceback
    assert "zygote" not in text


@pytest.mark.parametrize("sig", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_signals_are_the_real_ones(supervise, tmp_path: Path, app: Path, sig) -> None:
    sup = supervise({"a": spec(tmp_path)})
    pid = reports(tmp_path)[0]["pid"]
    events = sup.events()
    os.kill(pid, sig)
    assert events.until(event="exit", service="a")["exit_code"] == -sig
    assert events.until(event="started", service="a")["pid"] != pid


def test_without_its_warm_interpreter_it_starts_plainly(supervise, tmp_path: Path, app: Path) -> None:
    sup = supervise({"a": spec(tmp_path)})
    first = reports(tmp_path)[0]
    zygote = zygote_of(sup)
    os.kill(zygote, signal.SIGKILL)
    eventually(lambda: not alive(zygote))
    sup.ask("restart", "a")
    second = reports(tmp_path, 2)[1]
    assert (first["warmed"], second["warmed"]) == (True, False)
    assert second["argv"] == first["argv"]

    def warm_again():
        count = len(reports(tmp_path))
        sup.ask("restart", "a")
        return reports(tmp_path, count + 1)[-1]["warmed"]

    eventually(warm_again, "a new warm interpreter takes over")


def test_a_hung_warm_interpreter_does_not_stop_a_start(supervise, tmp_path: Path, app: Path) -> None:
    sup = supervise({"a": spec(tmp_path)})
    reports(tmp_path)
    zygote = zygote_of(sup)
    os.kill(zygote, signal.SIGSTOP)
    assert sup.ask("restart", "a")["ok"]
    assert reports(tmp_path, 2)[1]["warmed"] is False


def test_loader_variables_force_a_plain_start(supervise, tmp_path: Path, app: Path) -> None:
    env = {"PYTHONPATH": str(tmp_path / "vendor"), "LD_PRELOAD": ""}
    supervise({"a": spec(tmp_path, env=env)})
    assert reports(tmp_path)[0]["warmed"] is False


def test_an_unknown_warm_module_is_reported_and_harmless(supervise, tmp_path: Path, app: Path) -> None:
    sup = supervise({"a": spec(tmp_path, warm=["wave", "no_such_module_here"])})
    assert reports(tmp_path)[0]["warmed"]
    assert any("no_such_module_here" in line["msg"] for line in sup.own_log())
