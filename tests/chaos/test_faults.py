"""The contract every fault keeps, on a real sandbox. A new fault is in it with its line in the registry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import describing, injector
from chaos.faults.base import Fault, FaultFailed
from chaos.journal import ACTIVE, ARMED, REVERTED, Journal
from chaos.registry import ALIASES, FAULTS
from tests.chaos.sandbox import Sandbox, leaks, wait_until

ROOT = Path(__file__).resolve().parents[2]
EVERY = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
SHOWS_WITHIN_S = 60.0
RUNBOOKS = {path.stem for path in (ROOT / "knowledge" / "seed").glob("*.md")}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """What a failed test leaves in it is taken back: the sandbox is shared with the next."""
    made = Journal(tmp_path / "journal")
    yield made
    for entry in made.live():
        if entry.status == ACTIVE:
            wait_until(lambda e=entry: _taken_back(made, e.id), 60, lambda e=entry: made.read(e.id))


def _taken_back(journal: Journal, entry_id: str) -> bool:
    try:
        return not injector.revert(journal, entry_id, "cleaning up").live
    except Exception:  # whatever the next attempt, like the keeper's, may mend
        return False


@pytest.fixture
def healthy(sandbox: Sandbox) -> Sandbox:
    """As it was when the last test ended: every test waits for that at its end."""
    sandbox.wait_healthy()
    return sandbox


@EVERY
def test_describes_itself(fault: Fault):
    assert FAULTS[fault.id] is fault
    for name in ("title", "category", "description", "blast_radius", "reverts"):
        assert getattr(fault, name).strip(), name
    assert fault.targets
    assert fault.expected.components
    assert fault.expected.causes
    named = {cause for cause in fault.expected.causes if cause or not fault.culprits}
    assert named <= RUNBOOKS, "an answer that no runbook could give"
    assert 0 < fault.max_duration_s <= 600
    if (chosen := fault.intensity) is not None:
        assert chosen.what.strip() and fault.strength({}) == chosen.usual
        for value in (chosen.least, chosen.most):
            assert fault.strength({"intensity": value}) == value
        for wrong in (chosen.least - 1, chosen.most + 1, "hard", True):
            with pytest.raises(FaultFailed, match="intensity"):
                fault.strength({"intensity": wrong})
    assert Path(sys.modules[type(fault).__module__].__file__ or "").name == f"{fault.id}.py"


def test_the_page_of_the_faults_is_made_from_them():
    page = (ROOT / "docs/faults.md").read_text()
    assert page == describing.told(), "python -m chaos.describing > docs/faults.md"


def test_aliases_lead_to_faults_and_shadow_none():
    assert {fault for fault, _ in ALIASES.values()} <= set(FAULTS)
    assert not set(ALIASES) & set(FAULTS)


@pytest.mark.slow
@pytest.mark.twin
@pytest.mark.sampled
@EVERY
def test_prepare_touches_nothing(healthy: Sandbox, fault: Fault, journal: Journal):
    before = healthy.fingerprint()
    entry = injector.arm(journal, healthy.site, fault.id, {"seed": 1}, 60, "one")
    assert healthy.fingerprint() == before
    assert journal.read("one").status == ARMED
    assert journal.read("one").undo == entry.undo


@pytest.mark.slow
@pytest.mark.twin
@pytest.mark.sampled
@EVERY
def test_breaks_something_gives_nothing_away_and_is_put_back(
    healthy: Sandbox, fault: Fault, journal: Journal
):
    site = healthy.site
    undo = injector.arm(journal, site, fault.id, {"seed": 1}, 300, "one").undo
    try:
        assert injector.inject(journal, "one").status == ACTIVE
        if not fault.restraint:
            shown = lambda: bool(fault.still_broken(site, undo) or healthy.wrong())  # noqa: E731
            wait_until(shown, SHOWS_WITHIN_S, lambda: f"{fault.id} shows nowhere")
        assert leaks(healthy) == []
    finally:
        for _ in range(2):
            injector.revert(journal, "one", "test")
            fault.revert(site, undo)
    assert journal.read("one").status == REVERTED
    healthy.wait_healthy()
    wait_until(lambda: not fault.still_broken(site, undo), 60, lambda: fault.still_broken(site, undo))


@pytest.mark.slow
@pytest.mark.twin
@pytest.mark.sampled
@EVERY
def test_half_injected_it_ends_at_its_deadline_with_the_portal_dead(
    healthy: Sandbox, fault: Fault, journal: Journal
):
    """The injector is killed in the middle; only the keeper lives, with no Django, no database and no broker."""
    site = healthy.site
    entry = injector.arm(journal, site, fault.id, {"seed": 2}, 3, "one")
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        try:
            injector.inject(journal, "one")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    names = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "OPSPORTAL_DATA")
    env = {k: v for k, v in os.environ.items() if k not in names}
    keeper = subprocess.Popen([sys.executable, "-m", "chaos.keeper", journal.folder], cwd=ROOT, env=env)
    try:
        wait_until(lambda: not journal.read("one").live, 60, lambda: journal.read("one"))
    finally:
        keeper.terminate()
        keeper.wait(10)
    ended = journal.read("one")
    assert (ended.status, ended.reverted_by) == (REVERTED, "deadline")
    assert ended.reverted_at is not None
    assert ended.reverted_at >= entry.deadline
    healthy.wait_healthy()
    wait_until(
        lambda: not fault.still_broken(site, entry.undo), 60, lambda: fault.still_broken(site, entry.undo)
    )
