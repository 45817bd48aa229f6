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
from chaos.faults.base import Expected, Fault, FaultFailed, Undo
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

    def revert(self, site: Site, undo: Undo) -> None:
        if self.reverts_failing:
            self.reverts_failing -= 1
            raise OSError("restarting just now")
        (site.folder / "file").write_text(undo["text"])

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
