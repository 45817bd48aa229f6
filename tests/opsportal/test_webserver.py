"""Several processes on one socket; and logs that do not grow for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from opsportal.local import rotation, up, webserver
from opsportal.local.child import spawn, stop
from opsportal.local.errors import LocalError
from opsportal.local.family import Child, Family

_ANSWERS = """
import os, socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
while True:
    taken, _ = listener.accept()
    taken.recv(1000)
    body = str(os.getpid()).encode()
    taken.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    taken.close()
"""


def test_there_are_half_as_many_as_cores() -> None:
    assert [webserver.count(cores) for cores in (1, 2, 4, 6, 64)] == [1, 1, 2, 3, webserver.MOST]
    assert webserver.names(3) == ["web", "web-2", "web-3"]


def test_the_launcher_starts_each_on_the_one_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = up._options(["--port", "0", "--data", str(tmp_path / "data"), "--no-sandbox", "--web", "2"])
    launcher = up.Launcher(options)
    added: list[Child] = []
    monkeypatch.setattr(launcher.family, "add", added.append)
    launcher.listener = webserver.listen("127.0.0.1", 0)
    with launcher.listener:
        launcher._start_portal()
        found = {child.name: child for child in added}
        assert list(found) == ["web", "web-2", "worker", "watch"]
        for name in ("web", "web-2"):
            child = found[name]
            assert child.keep_fds == (launcher.listener.fileno(),) and str(child.keep_fds[0]) in child.argv
            assert child.env is not None and child.env["OPSPORTAL_DB_POOL"] == str(up.DB_POOL["web"])
            assert child.env["OPSPORTAL_PROCESS"] == f"opsportal-{name}"
        assert found["web-2"].log.name == "web-2.log"
    launcher.family.stop()
    for end in (*launcher.alive, *launcher.leash):
        os.close(end)


def test_the_others_answer_while_one_is_gone_and_nobody_is_refused() -> None:
    listener = webserver.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"

    def started() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", _ANSWERS, str(listener.fileno())]
        return spawn(argv, keep_fds=(listener.fileno(),))

    def answers(times: int = 20) -> set[int]:
        return {int(httpx.get(url, trust_env=False, timeout=20).text) for _ in range(times)}

    two = [started(), started()]
    try:
        assert answers() <= {p.pid for p in two}
        two[0].kill()
        two[0].wait(10)
        assert answers() == {two[1].pid}
        two[1].kill()
        two[1].wait(10)
        late = started()  # who asks now waits for it
        two.append(late)
        assert answers(1) == {late.pid}
        with pytest.raises(LocalError, match=f"port {port} is taken"):
            webserver.listen("127.0.0.1", port)
    finally:
        for process in two:
            process.kill()
            process.wait(10)
        listener.close()


def test_a_real_process_of_it_answers_on_the_inherited_socket(tmp_path: Path) -> None:
    listener = webserver.listen("127.0.0.1", 0)
    process = spawn(
        webserver.argv(listener),
        env=dict(os.environ),
        log=tmp_path / "web.log",
        keep_fds=(listener.fileno(),),
    )
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/login/"
        answer = httpx.get(url, trust_env=False, timeout=60, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, (tmp_path / "web.log").read_text()
        assert answer.headers["Content-Encoding"] == "gzip"
    finally:
        stop(process, 15, 5.0)  # type: ignore[arg-type]
        listener.close()


def test_a_long_log_is_put_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab") as writer:  # as a child's output is opened
        for round_ in range(5):
            writer.write(b"%d\n" % round_ * 100)
            writer.flush()
            assert rotation.rotate(log, most=150)
            assert not rotation.rotate(log, most=150)
        writer.write(b"last\n")
    assert log.read_bytes() == b"last\n"
    older = {path.name: path.read_bytes()[:1] for path in tmp_path.glob("web.log.*")}
    assert older == {"web.log.1": b"4", "web.log.2": b"3", "web.log.3": b"2"}
    assert not rotation.rotate(tmp_path / "none.log")


def test_the_family_looks_after_its_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "MOST", 1000)
    monkeypatch.setattr(rotation, "EVERY_S", 0.1)
    said: list[str] = []
    family = Family(said.append, lambda: None)
    talk = "import time\nwhile True:\n print('x' * 99, flush=True); time.sleep(0.005)"
    child = Child(
        "talker", [sys.executable, "-c", talk], dict(os.environ), tmp_path / "talker.log", stop_rank=0
    )
    family.add(child)
    until = time.monotonic() + 20
    while not (tmp_path / "talker.log.2").exists() and time.monotonic() < until:
        family.wait(0.1)
    family.stop()
    assert (tmp_path / "talker.log.2").exists() and said == []
