"""Alterations from files: loaded, journaled with where they are from, and put back by a process that never loaded them;
and the contract that every harmless change keeps on a real sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaos import hands, injector, registry
from chaos.alterations import Alteration, LoadFailed, load
from chaos.decoys.registry import DECOYS
from chaos.gameday import amid
from chaos.gameday.amid import Amid
from chaos.journal import ACTIVE, REVERTED, Journal
from chaos.site import Site
from systems.state.types import KINDS
from tests.chaos.sandbox import Sandbox, leaks

UNKNOWN = Path(__file__).parent / "unknown"
MOVED = """
from _beside import NAME
from chaos.alterations import Alteration, Touched

class Moved(Alteration):
    id, title, components = "moved", "A file is gone", ("web",)
    def inverse(self, site, seed):
        return {"name": NAME[seed % 2]}
    def apply(self, site, undo):
        (site.folder / undo["name"]).rename(site.folder / "away")
    def undo(self, site, undo):
        if self.still_broken(site, undo):
            (site.folder / "away").rename(site.folder / undo["name"])
    def still_broken(self, site, undo):
        return "" if (site.folder / undo["name"]).exists() else "it is away"
    def touched(self, undo):
        return [Touched("web", "file", undo["name"])]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "_beside.py").write_text('NAME = ("a", "b")\n')
    (folder / "moved.py").write_text(MOVED)
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.json").write_text('{"driver": "process"}')
    (folder / "b").write_text("here")
    return folder


def test_one_from_a_folder_is_put_back_by_a_process_that_never_loaded_it(
    folder: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOADED", {})
    assert registry.add(folder) == ["moved"]
    journal = Journal(tmp_path / "journal")
    entry = injector.arm(journal, Site.load(site), "moved", {"seed": 1}, 60, "one")
    assert (site / "b").exists(), "arming touches nothing"
    assert injector.inject(journal, "one").status == ACTIVE
    assert not (site / "b").exists()
    assert entry.file == str(folder / "moved.py")
    code = (
        "import sys; from pathlib import Path; from chaos import injector; from chaos.journal import Journal;"
        + (
            "injector.revert(Journal(Path(sys.argv[1])), 'one', 'another'); assert 'django' not in sys.modules"
        )
    )
    subprocess.run([sys.executable, "-c", code, str(journal.folder)], check=True, timeout=60)
    assert journal.read("one").status == REVERTED
    assert (site / "b").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = (", "SyntaxError"),
        (MOVED.replace('id, title, components = "moved"', 'title, components, _ = ""'), "lacks id"),
    ],
)
def test_what_cannot_be_used_says_why(folder: Path, text: str, why: str) -> None:
    (folder / "moved.py").write_text(text)
    with pytest.raises(LoadFailed, match=why):
        load(folder)


def test_a_name_that_is_taken_is_refused(folder: Path) -> None:
    (folder / "moved.py").write_text(MOVED.replace('"moved"', '"api_down"'))
    with pytest.raises(LoadFailed, match="api_down"):
        registry.add(folder)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="no Python file"):
        load(tmp_path)


@pytest.mark.parametrize("made", [*DECOYS.values(), *load(UNKNOWN).values()], ids=lambda a: a.id)
def test_each_describes_itself(made: Alteration) -> None:
    assert made.title
    assert made.expected.causes == ("",) or made.file
    if made.id in DECOYS:
        assert DECOYS[made.id].kind in KINDS
        assert all(len(place) >= 2 for place in DECOYS[made.id].places)


def test_what_is_drawn_around_a_fault_is_the_same_for_a_seed_and_never_mends_it(
    site: Path, tmp_path: Path
) -> None:
    def drawn(seed: str, parts: tuple[str, ...]) -> list[tuple[str, str]]:
        around = Amid(Site.load(site), Journal(tmp_path / "journal"), seed, parts)
        pairs = [next(around._left) for _ in range(60)]
        return [(decoy.id, str(decoy.places[seed][0])) for decoy, seed in pairs]

    one = drawn("api_down:1", ("api-1", "api-2"))
    assert one == drawn("api_down:1", ("api-1", "api-2"))
    assert one != drawn("api_down:2", ("api-1", "api-2"))
    assert {d for d, _ in one} == set(DECOYS), "every kind comes"
    assert not [d for d, part in one if DECOYS[d].apart and part in ("api-1", "api-2")]
    assert [d for d, part in one if part == "api-1"], "some are on the part that is broken"


class NoHands:
    """The parts of a site of files alone: told to read them again, they have."""

    def __init__(self, *_: Any) -> None: ...

    def reload(self, unit: str, *, world: bool = False) -> None: ...


def test_a_fault_has_changes_before_beside_and_after_it_which_are_put_back(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc = site / "etc"
    etc.mkdir()
    for unit in ("api-1", "api-2", "worker", "frontend", "gateway", "batch", "loadgen"):
        (etc / f"{unit}.yaml").write_text("log: {level: INFO}\nsession: {}\nauth: {}\nrate_limit: {}\n")
        (etc / f"{unit}.env").write_text("A=b\n")
    before = {p.name: (yaml.safe_load(p.read_text()), p.stat().st_mode) for p in etc.iterdir()}
    monkeypatch.setitem(hands.KINDS, "process", NoHands)
    monkeypatch.setattr(
        amid, "DECOYS", {k: d for k, d in DECOYS.items() if type(d).__module__.endswith("files")}
    )
    monkeypatch.setattr(amid, "BEFORE_S", (0.0, 0.0))
    monkeypatch.setattr(amid, "AFTER_S", (0.0, 0.0))
    monkeypatch.setattr(amid, "BESIDE_S", 0.0)
    around = Amid(Site.load(site), Journal(tmp_path / "journal"), "one", ("api-1",))
    around.lead()
    around.follow()
    around.settle()
    told = amid.told(around.made)
    assert {t["when"] for t in told} == {"before", "beside", "after"}
    now = {p.name: (yaml.safe_load(p.read_text()), p.stat().st_mode) for p in etc.iterdir()}
    (changed, *_) = [t for t in told if t["touched"][0]["kind"] in ("config", "env", "file")]
    assert now != before or changed["id"] == "config_comment"
    around.end()
    assert {p.name: (yaml.safe_load(p.read_text()), p.stat().st_mode) for p in etc.iterdir()} == before
    assert not around.journal.live()


@pytest.mark.slow
@pytest.mark.twin
def test_harmless_changes_do_no_harm_and_are_put_back(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.wait_healthy()
    site, journal = sandbox.site, Journal(tmp_path / "journal")
    kinds = [d for d in DECOYS.values() if site.facts["driver"] in d.drivers]
    for decoy in kinds:
        for seed in range(len(decoy.places)):
            name = f"{decoy.id}-{seed}"
            undo = injector.arm(journal, site, decoy.id, {"seed": seed}, 300, name).undo
            assert decoy.still_broken(site, undo) == "" or decoy.id == "restart", name
            injector.inject(journal, name)
            assert decoy.still_broken(site, undo), name
    sandbox.wait_healthy()  # with all of them in place, once the replica that was restarted is back
    assert leaks(sandbox) == []
    for entry in reversed(journal.entries()):
        for _ in range(2):
            injector.revert(journal, entry.id, "test")
        if entry.fault != "restart":
            assert DECOYS[entry.fault].still_broken(site, entry.undo) == "", entry.id
    sandbox.wait_healthy()
