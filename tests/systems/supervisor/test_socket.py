"""The socket: bad input, slow clients, fencing, exec."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import ROOT, SLEEPER, Running


@pytest.mark.parametrize(
    "line",
    [b"nonsense\n", b"\xff\xfe\0\n", b"[]\n", b"null\n", b'{"op": 5}\n', b'{"op": "no"}\n', b'{"op": "stop"}\n',
     b'{"op": "stop", "service": {}}\n', b'{"op": "stop", "service": "a", "grace_s": "x"}\n',
     b'{"op": "signal", "service": "a", "signal": "NOPE"}\n', b'{"op": "signal", "service": "a"}\n',
     b'{"op": "limits", "service": "a", "memory_mb": -4}\n', b'{"op": "stop", "service": "a", "fence": "1"}\n',
     b'{"op": "exec", "service": "a", "argv": "rm -rf /"}\n', b'{"op": "exec", "service": "a", "argv": []}\n',
     b'{"op": "exec", "service": "a", "argv": ["/no/such"]}\n', b"[" * 5000 + b"\n"],
)  # fmt: skip
def test_bad_requests_get_an_error_and_harm_nobody(supervise, line: bytes) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    pid = sup.reach("a", "RUNNING")["pid"]
    client = sup.client()
    answer = client.raw(line)
    assert answer["ok"] is False
    assert answer["error"]
    assert "internal" not in answer["error"]
    assert client.ask("ping")["ok"]
    assert sup.status("a")["pid"] == pid


def test_an_endless_line_is_refused(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    client = sup.client()
    client.sock.sendall(b"x" * 300_000)
    assert "at most" in client.read()["error"]
    assert sup.ask("ping")["ok"]


def test_a_subscriber_that_never_reads_blocks_nobody(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    sup.events()  # never read again
    half = sup.client()
    half.sock.sendall(b'{"op": "pi')  # a request that never ends
    for _ in range(20):
        assert sup.ask("restart", "a")["ok"]


def test_fencing(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}, "b": {"command": SLEEPER}})
    pid = sup.reach("a", "RUNNING")["pid"]
    assert sup.ask("signal", "a", signal="WINCH", fence=7)["ok"]
    stale = sup.ask("restart", "a", fence=6)
    assert (stale["ok"], stale["code"]) == (False, "stale_fence")
    assert sup.status("a")["pid"] == pid
    assert sup.ask("signal", "a", signal=int(signal.SIGWINCH), fence=7)["ok"]
    assert sup.ask("signal", "b", signal="SIGWINCH", fence=1)["ok"]
    assert sup.ask("restart", "a")["ok"]  # no token: no check


def test_exec_has_cwd_output_code_and_no_shell(supervise, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    sup = supervise({"a": {"command": SLEEPER, "cwd": "w"}})
    code = "import os, sys; print(os.getcwd(), sys.argv[1]); print('bad', file=sys.stderr); sys.exit(4)"
    got = sup.ask("exec", "a", argv=[sys.executable, "-c", code, "$HOME; x"])
    assert (got["code"], got["out"], got["err"]) == (4, f"{tmp_path / 'w'} $HOME; x\n", "bad\n")
    assert got["timed_out"] is False


def test_exec_is_capped_and_ends_in_time(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    big = sup.ask("exec", "a", argv=[sys.executable, "-c", "print('x' * 1_000_000)"])
    assert (big["code"], len(big["out"])) == (0, 64 * 1024)
    slow = sup.ask("exec", "a", argv=["sleep", "600"], timeout_s=0.2)
    assert (slow["code"], slow["timed_out"]) == (-9, True)


def test_ops_on_a_stopped_service_are_refused(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER, "autostart": False}})
    for op in ("kill", "pause", "resume"):
        assert "not running" in sup.ask(op, "a")["error"]
    assert sup.ask("stop", "a")["ok"]


def test_a_very_long_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    sup = Running(deep, {"a": {"command": SLEEPER}})
    try:
        assert len(str(sup.socket)) > 110
        assert sup.ask("ping")["pid"] == sup.process.pid
    finally:
        sup.close()


def test_a_second_supervisor_at_the_same_address_refuses(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    second = subprocess.run(
        [sys.executable, "-m", "systems.supervisor", str(sup.file)], cwd=ROOT, capture_output=True, text=True
    )
    assert second.returncode == 2
    assert "another supervisor" in second.stderr
    assert sup.ask("ping")["ok"]


def test_a_stale_socket_is_replaced(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    sup.kill()
    assert sup.socket.exists()
    again = supervise({"a": {"command": SLEEPER}})
    assert again.ask("ping")["ok"]


def test_the_own_log_is_json_and_names_only_the_op(supervise) -> None:
    sup = supervise({"a": {"command": SLEEPER}})
    sup.ask("restart", "a", requested_by="somebody")
    lines = sup.own_log()
    assert {"state", "started", "exit", "op"} <= {line["msg"] for line in lines}
    assert "somebody" not in json.dumps(lines)
    assert [line["op"] for line in lines if line["msg"] == "op"] == ["restart"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services: [", "not valid YAML"),
        ("services: 3", "needs a mapping"),
        ("services: {a: {command: ls}}", "services.a.command"),
        ("services: {a: {command: [ls], comand: 1}}", "services.a.comand: no such key"),
        ("services: {a: {command: [ls], after: [b]}}", "no service 'b'"),
        ("services: {a: {command: [ls], after: [b]}, b: {command: [ls], after: [a]}}", "circle"),
        ("services: {a: {command: [ls], ready: {tcp: x}}}", "services.a.ready.tcp"),
        ("services: {a: {command: [ls], stop_signal: HELLO}}", "services.a.stop_signal"),
        ("services: {'../a': {command: [ls]}}", "a name has"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "systems.supervisor", str(file)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr
