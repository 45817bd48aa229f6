"""The journal and the injector with a fault that breaks a file: the inverse first, revert always, by anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from chaos import injector, keeper
from chaos.faults.base import Expected, Fault, FaultFailed, NotUndone, Part, Undo
from chaos.journal import ACTIVE, ARMED, FAILED, REVERTED, Entry, Journal
from chaos.registry import FAULTS
from chaos.site import Site

ROOT = Path(__file__).resolve().parents[2]


class Scratch(Fault):
    """Overwrites a file; `half` leaves it half-written and fails."""

    id, title, category, targets = "scratch", "Scratch", "config", ("file",)
    description, blast_radius, reverts = "overwrites a file", "a file", "writes it back"
    expected = Expected(("file",), ("scratched",))
    max_duration_s = 60.0
    reverts_failing = 0
    journal: Journal | None = None

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"text": (site.folder / "file").read_text()}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        if self.journal is not None:  # the inverse is on disk before anything is broken
            assert [e.undo for e in self.journal.entries()] == [undo]
        (site.folder / "file").write_text("scr")
        if params.get("half"):
            raise OSError("no space left")
        (site.folder / "file").write_text("scratched")

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            Part("the mood", self._cheer_up),
            Part("the file", lambda: (site.folder / "file").write_text(undo["text"])),
        ]

    def _cheer_up(self) -> None:
        if self.reverts_failing:
            self.reverts_failing -= 1
            raise OSError("restarting just now")

    def still_broken(self, site: Site, undo: Undo) -> str:
        return "" if (site.folder / "file").read_text() == undo["text"] else "scratched"


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Scratch:
    made = Scratch()
    monkeypatch.setitem(FAULTS, "scratch", made)
    return made


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site.json").write_text("{}")
    (tmp_path / "file").write_text("whole")
    return Site.load(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def text(site: Site) -> str:
    return (site.folder / "file").read_text()


def test_arming_breaks_nothing_and_writes_the_inverse(fault: Scratch, site: Site, journal: Journal):
    entry = injector.arm(journal, site, "scratch", {}, None, "one")
    assert text(site) == "whole"
    on_disk = json.loads((journal.folder / "one.json").read_text())
    assert (on_disk["undo"], on_disk["status"]) == ({"text": "whole"}, ARMED)
    assert entry.deadline - entry.started_at == pytest.approx(60, abs=1)
    assert oct((journal.folder).stat().st_mode & 0o777) == "0o700"


def test_the_inverse_is_on_disk_when_the_fault_begins(fault: Scratch, site: Site, journal: Journal):
    fault.journal = journal
    injector.arm(journal, site, "scratch", {}, None, "one")
    assert injector.inject(journal, "one").status == ACTIVE
    assert text(site) == "scratched"


def test_a_fault_never_lasts_longer_than_its_own_limit(fault: Scratch, site: Site, journal: Journal):
    entry = injector.arm(journal, site, "scratch", {}, 99_999, "one")
    assert entry.deadline - entry.started_at == pytest.approx(60, abs=1)


def test_revert_is_idempotent_and_says_who(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {}, None, "one")
    injector.inject(journal, "one")
    for _ in range(3):
        assert injector.revert(journal, "one", "mira").reverted_by == "mira"
    assert text(site) == "whole"
    (site.folder / "file").write_text("newer")  # after it is over, nobody's work is overwritten
    injector.revert(journal, "one", "pete")
    assert text(site) == "newer"
    assert journal.live() == []


def test_half_an_injection_is_put_back_at_once(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {"half": True}, None, "one")
    with pytest.raises(FaultFailed, match="no space left"):
        injector.inject(journal, "one")
    assert text(site) == "whole"
    assert journal.read("one").status == FAILED


def test_killed_in_the_middle_of_an_injection_it_can_still_be_reverted(
    fault: Scratch, site: Site, journal: Journal
):
    injector.arm(journal, site, "scratch", {}, None, "one")
    (site.folder / "file").write_text("scr")  # the injector was killed here: its entry is still armed
    injector.revert(Journal(journal.folder), "one", "deadline")
    assert text(site) == "whole"


def test_a_late_message_does_not_break_what_was_reverted(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {}, None, "one")
    injector.revert(journal, "one", "mira")
    assert injector.inject(journal, "one").status == REVERTED
    assert text(site) == "whole"


def test_a_message_delivered_twice_breaks_once(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {}, None, "one")
    injector.inject(journal, "one")
    (site.folder / "file").write_text("mended")
    injector.inject(journal, "one")
    assert text(site) == "mended"


def test_striking_out_what_was_armed_touches_nothing(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {}, None, "one")
    (site.folder / "file").write_text("another's fault")
    injector.cancel(journal, "one", "never started")
    assert text(site) == "another's fault"
    assert journal.live() == []


def test_an_unknown_entry_is_a_key_error(journal: Journal):
    with pytest.raises(KeyError):
        journal.read("nothing")


def test_a_reader_never_sees_half_an_entry(journal: Journal):
    entry = Entry("scratch", "/x", time.time(), undo={"text": "x" * 200_000}, id="one")
    journal.write(entry)
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                journal.read("one")
            except Exception as error:
                wrong.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        journal.write(entry)
    stop.set()
    reader.join()
    assert wrong == []


def test_the_keeper_ends_what_is_overdue_and_only_that(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {}, None, "one")
    injector.inject(journal, "one")
    entry = journal.read("one")
    assert keeper.overdue(journal, entry.deadline - 0.1) == []
    assert keeper.overdue(journal, entry.deadline) == ["one"]


def test_the_keeper_tries_again_when_a_revert_fails(
    fault: Scratch, site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    monkeypatch.setattr(keeper, "RETRY_S", 0.05)
    fault.reverts_failing = 2
    injector.arm(journal, site, "scratch", {}, 0.01, "one")
    injector.inject(journal, "one")
    stop = threading.Event()
    thread = threading.Thread(target=keeper.keep, args=(journal, stop))
    thread.start()
    until = time.monotonic() + 20
    while journal.read("one").live and time.monotonic() < until:
        stop.wait(0.02)
    stop.set()
    thread.join()
    assert text(site) == "whole"
    assert journal.read("one").reverted_by == "deadline"


def test_a_part_that_fails_stops_no_other_and_is_done_later(fault: Scratch, site: Site, journal: Journal):
    fault.reverts_failing = 1
    injector.arm(journal, site, "scratch", {}, 50, "one")
    injector.inject(journal, "one")
    with pytest.raises(NotUndone, match="the mood \\(restarting just now\\)"):
        injector.revert(journal, "one", "mira")
    assert text(site) == "whole"
    entry = journal.read("one")
    assert (entry.live, entry.left) == (True, ["the mood (restarting just now)"])
    assert keeper.overdue(journal, time.time()) == ["one"]  # not at its deadline: now
    assert injector.revert(journal, "one", "the next start").left == []
    assert journal.live() == []


def test_an_injection_that_fails_and_cannot_be_put_back_stays_due(
    fault: Scratch, site: Site, journal: Journal
):
    fault.reverts_failing = 1
    injector.arm(journal, site, "scratch", {"half": True}, 50, "one")
    with pytest.raises(FaultFailed, match="no space left"):
        injector.inject(journal, "one")
    assert text(site) == "whole"
    assert keeper.overdue(journal, time.time()) == ["one"]


def test_a_fault_whose_sandbox_is_gone_is_over(fault: Scratch, site: Site, journal: Journal, tmp_path: Path):
    entry = injector.arm(journal, site, "scratch", {}, 50, "one")
    entry.site = str(tmp_path / "deleted")
    journal.write(entry)
    assert injector.revert(journal, "one", "mira").status == REVERTED
    assert "gone" in journal.read("one").error


def test_a_damaged_entry_hides_no_other(fault: Scratch, site: Site, journal: Journal):
    injector.arm(journal, site, "scratch", {}, 50, "one")
    for name, damage in (("half", '{"fault": "scra'), ("empty", ""), ("list", "[]"), ("poor", "{}")):
        (journal.folder / f"{name}.json").write_text(damage)
    assert [e.id for e in journal.live()] == ["one"]
    assert sorted(journal.damaged()) == ["empty", "half", "list", "poor"]


def test_a_service_that_could_not_be_told_is_told_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its file is right after the first attempt: that must not pass for a service that runs on it."""
    site, journal, hands = Site(tmp_path, {}), Journal(tmp_path / "journal"), Hands()
    monkeypatch.setitem(site.__dict__, "hands", hands)
    monkeypatch.setattr(Site, "load", classmethod(lambda cls, folder: site))
    (tmp_path / "etc").mkdir()
    for unit in ("api-1", "api-2"):
        (tmp_path / "etc" / f"{unit}.yaml").write_text("a: 1\n")
    injector.arm(journal, site, "config_corruption", {}, 50, "one")
    injector.inject(journal, "one")
    (tmp_path / "etc" / "api-1.yaml").unlink()  # and worse
    hands.dead = True
    with pytest.raises(NotUndone) as caught:
        injector.revert(journal, "one", "mira")
    assert [part.split(" runs")[0] for part in caught.value.left] == ["api-1", "api-2"]
    assert {p.read_text() for p in (tmp_path / "etc").glob("*.yaml")} == {"a: 1\n"}
    hands.dead = False
    injector.revert(journal, "one", "the next start")
    assert hands.done == ["bounce api-1", "bounce api-2", "reload api-1", "reload api-2"]


class Hands:
    """A supervisor that can be dead, and notes what it is asked for."""

    def __init__(self) -> None:
        self.dead = False
        self.done: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        def call(unit: str = "", **_: Any) -> Any:
            if self.dead:
                raise ConnectionRefusedError("no supervisor")
            if verb == "units":
                return {name: {"state": "RUNNING"} for name in ("api-1", "api-2")}
            return self.done.append(f"{verb} {unit}")

        return call


def test_a_revert_that_hangs_holds_up_no_other(
    fault: Scratch, site: Site, journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    go_on, stop = threading.Event(), threading.Event()
    stuck = Scratch()
    monkeypatch.setattr(stuck, "_cheer_up", go_on.wait)
    monkeypatch.setitem(FAULTS, "stuck", stuck)
    for name, fault_id in (("one", "stuck"), ("two", "scratch")):
        injector.arm(journal, site, fault_id, {}, 0.01, name)
    thread = threading.Thread(target=keeper.keep, args=(journal, stop))
    thread.start()
    try:
        assert not journal.wait_over("two", 20).live
        assert journal.read("one").live
    finally:
        go_on.set()
        journal.wait_over("one", 20)
        stop.set()
        thread.join()


def test_at_its_end_it_takes_back_what_is_not_due(fault: Scratch, site: Site, journal: Journal):
    for name in ("one", "two"):
        injector.arm(journal, site, "scratch", {}, 50, name)
    fault.reverts_failing = 1
    assert keeper.end_all(journal, "the portal's end", 20) == []
    assert {e.reverted_by for e in journal.entries()} == {"the portal's end"}
    assert keeper.end_all(journal, "the portal's end", 20) == []


def test_what_it_cannot_take_back_at_its_end_is_left_due(fault: Scratch, site: Site, journal: Journal):
    fault.reverts_failing = 1000
    injector.arm(journal, site, "scratch", {}, 50, "one")
    assert keeper.end_all(journal, "the portal's end", 0.3) == ["one"]
    assert keeper.overdue(journal, time.time()) == ["one"]


@pytest.mark.parametrize("how", ["killed launcher", "SIGTERM"])
def test_the_keeper_outlives_its_launcher_and_ends_every_fault(
    site: Site, tmp_path: Path, journal: Journal, how: str
):
    """A launcher that is killed -9: the keeper takes back what is open, ends, and what hangs on its life is told."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "batch.yaml").write_text("scratched")
    entry = Entry(
        "memory_leak_oom", str(tmp_path), time.time() + 500, undo={"texts": {"batch": "whole"}}, status=ACTIVE
    )
    journal.write(entry)
    left_r, left_w = os.pipe()
    launcher = (
        "import os, subprocess, sys, signal\n"
        "r, w = os.pipe()\n"
        "argv = [sys.executable, '-m', 'chaos.keeper', sys.argv[1], '--within', '1', '--launcher', str(r)]\n"
        "keeper = subprocess.Popen(argv, pass_fds=(r, int(sys.argv[2])), start_new_session=True)\n"
        "print(keeper.pid, flush=True)\n"
        "signal.pause()"
    )
    argv = [sys.executable, "-c", launcher, str(journal.folder), str(left_w)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, pass_fds=(left_w,))
    os.close(left_w)
    assert process.stdout
    with process:
        kept = int(process.stdout.readline())
        if how == "SIGTERM":
            while not _caught(kept, 15):
                time.sleep(0.02)
            os.kill(kept, 15)
        process.kill()
    with os.fdopen(left_r, "rb") as pipe:
        assert pipe.read() == b""  # returns once nobody holds its other end: launcher and keeper have ended
    ended = journal.read(entry.id)
    assert (tmp_path / "etc" / "batch.yaml").read_text() == "whole"
    assert ended.live  # the service could not be told: there is no supervisor here. Left for the next start
    assert [part.split(" (")[0] for part in ended.left] == ["batch runs on its own configuration"]


def _caught(pid: int, number: int) -> bool:
    """Whether the process has a handler for that signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_injector_keeper_and_faults_need_no_django():
    """With the portal dead, its database gone and no settings, everything can still be put back."""
    code = (
        "import sys, chaos.keeper, chaos.injector, chaos.registry, chaos.site\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('django', 'celery', 'opsportal', 'incidents', 'agent')]\n"
        "assert not bad, bad"
    )
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL")
    }
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
