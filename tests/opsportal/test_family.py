"""Children are restarted when they end, and stopped in order."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from opsportal.local.child import spawn
from opsportal.local.errors import LocalError
from opsportal.local.family import Child, Family

_NOTE = "import os, signal, sys, time; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
_STAY = f"{_NOTE}\ndef end(*_):\n open(sys.argv[1], 'a').write('end ' + sys.argv[2] + '\\n'); sys.exit(0)\n"
_STAY += "signal.signal(signal.SIGTERM, end); print('up', flush=True); signal.pause()"


def child(name: str, code: str, folder: Path, rank: int = 0) -> Child:
    argv = [sys.executable, "-c", code, str(folder / "notes"), name]
    return Child(name, argv, dict(os.environ), folder / f"{name}.log", stop_rank=rank)


def until(family: Family, true) -> None:
    """Let the family work until true() holds."""
    for _ in range(400):
        if true():
            return
        family.wait(0.05)
    raise AssertionError("it never happened")


def test_an_ended_child_is_started_again_and_said_so(tmp_path: Path):
    said: list[str] = []
    family = Family(said.append, lambda: None)
    first = family.add(child("one", _STAY, tmp_path))
    assert first.process
    pid = first.process.pid
    until(family, lambda: "up" in first.log.read_text())
    first.process.kill()
    until(family, lambda: first.process and first.process.pid != pid and first.process.poll() is None)
    assert any("one ended (signal 9), starting it again" in text for text in said)
    family.stop()
    assert first.process.poll() is not None


def test_a_child_that_never_starts_ends_the_launch(tmp_path: Path):
    family = Family(lambda _: None, lambda: None)
    family.add(child("bad", "import sys; sys.exit('the reason')", tmp_path))
    with pytest.raises(LocalError, match=r"bad does not start \(code 1\): the reason"):
        until(family, lambda: False)
    family.stop()


def test_stop_follows_the_ranks(tmp_path: Path):
    family = Family(lambda _: None, lambda: None)
    children = [family.add(child(name, _STAY, tmp_path, rank)) for name, rank in (("late", 2), ("early", 1))]
    until(family, lambda: all("up" in c.log.read_text() for c in children))
    family.stop()
    assert (tmp_path / "notes").read_text().split("\n")[-3:-1] == ["end early", "end late"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux only")
def test_a_child_does_not_outlive_its_parent(tmp_path: Path):
    code = (
        "import sys, time\nfrom opsportal.local.child import spawn\n"
        "print(spawn([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)\ntime.sleep(600)"
    )
    log = tmp_path / "log"
    parent = spawn([sys.executable, "-c", code], log=log)
    while not log.read_text().strip():
        assert parent.poll() is None, log.read_text()
    grandchild = psutil.Process(int(log.read_text()))
    parent.kill()
    parent.wait(5)
    _, alive = psutil.wait_procs([grandchild], timeout=10)
    assert alive == []
