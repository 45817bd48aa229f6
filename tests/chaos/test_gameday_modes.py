"""Which runs are asked for, and what a game day goes on in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.management import CommandError, call_command

from chaos import injector, registry, service
from chaos.circumstances import NoGolden
from chaos.gameday import modes, plan
from chaos.gameday.plan import NotPossible, Wanted
from chaos.site import SITE, Site
from chaos.unknown.registry import TRACEABLE, UNTRACEABLE
from systems import services
from systems.blindness import blind_to, switched_off
from systems.models import System
from systems.probes import PROBES, build_all
from systems.state.beside import sampler_for
from systems.watch import SystemWatch

MANIFEST = """
system: shop
runtime: {driver: fake, name: modes, units: [api-1, postgres]}
services:
  api-1: {kind: http, depends_on: [postgres], logs: [{file: api.log}], http: {url: "http://127.0.0.1:1/"}}
  postgres: {kind: postgres}
"""
INJECTOR = """
from chaos.alterations import Alteration

class Grew(Alteration):
    id, title, components, traceable = "grew_{n}", "It grew", ("postgres",), {traceable}
    def inverse(self, site, seed): return {{}}
    def apply(self, site, undo): ...
    def undo(self, site, undo): ...
    def still_broken(self, site, undo): return ""
    def touched(self, undo): return []
"""


@pytest.fixture
def system(db: None, tmp_path: Path) -> System:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    (tmp_path / SITE).write_text(json.dumps({"driver": "process"}))
    return services.register(tmp_path / "manifest.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "LOADED", {})
    (tmp_path / "mine").mkdir()
    for n in (1, 2):
        (tmp_path / "mine" / f"f{n}.py").write_text(INJECTOR.format(n=n, traceable=n == 1))
    return tmp_path / "mine"


def runs(
    system: System, faults: list[str] | None = None, seeds: Any = (1,), **more: Any
) -> list[tuple[Any, ...]]:
    return [(d.name, d.seed, d.mode, d.amid) for d in plan.plan(Wanted(faults or [], seeds, **more), system)]


def test_with_nothing_said_it_is_every_fault(system: System):
    assert [r[0] for r in runs(system)] == list(registry.FAULTS)
    assert runs(system, ["db", "api_down"], (7,), mode="decoys") == [
        ("db_auth_failure", 7, "decoys", True),
        ("api_down", 7, "decoys", True),
    ]
    assert runs(system, ["none"]) == []


def test_unknown_ones_are_drawn_amid_harmless_changes(system: System):
    found = runs(system, seeds=(1001,), unknown=4, untraceable=2)
    assert [r[2] for r in found] == ["unknown"] * 4 + ["untraceable"] * 2
    assert all(r[3] for r in found)
    assert {r[0] for r in found[:4]} <= TRACEABLE.keys() and {r[0] for r in found[4:]} <= UNTRACEABLE.keys()
    assert [r[0] for r in runs(system, seeds=(1,), unknown=4)] != [r[0] for r in found[:4]]


def test_the_mode_says_all_that_was_different(system: System):
    assert {r[2] for r in runs(system, mode="noise", unknown=1)} == {"unknown, noise"}
    assert {r[2] for r in runs(system, ["api_down"], blind="logs")} == {"blind to logs"}
    assert {r[2] for r in runs(system, blind="logs", pairs=2)} == {"pairs, blind to logs"}
    assert {r[2] for r in runs(system, ["api_down"], mode="starved", all=False)} == {"starved"}


def test_a_folder_is_drawn_from_as_the_catalogue_is(system: System, folder: Path):
    assert runs(system, injectors=folder, unknown=1) == [("grew_1", 1, "unknown", True)]
    registry.LOADED.clear()
    assert {r[0]: r[2] for r in runs(system, injectors=folder)} == {
        "grew_1": "unknown",
        "grew_2": "untraceable",
    }
    registry.LOADED.clear()
    (folder / "f2.py").unlink()
    with pytest.raises(NotPossible, match=r"no untraceable faults to draw from in .*mine"):
        runs(system, injectors=folder, untraceable=1)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["--mode", "renamed", "--export", "x"], "names of the plain one"),
        (["--mode", "renamed", "--blind", "logs"], "one thing at a time"),
        (["--blind", "logs", "--mode", "noise"], "one thing at a time"),
        (["--blind", "tea"], "invalid choice: 'tea'"),
        (["--first-seed", "0"], "whole numbers from 1"),
        (["--pairs", "-1"], "whole numbers from 0"),
        (["--faults", "api_dwn"], "did you mean api_down"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(system: System, argv: list[str], why: str):
    with pytest.raises(CommandError, match=why):
        call_command("gameday", *argv, stdout=StringIO())


def test_containers_keep_their_names(system: System, tmp_path: Path):
    (tmp_path / SITE).write_text(json.dumps({"driver": "docker"}))
    with pytest.raises(CommandError, match="a sandbox of processes"):
        call_command("gameday", "--mode", "renamed", "--faults", "none", stdout=StringIO())


def test_golden_copies_are_put_away_and_come_back_by_whoever_finds_the_journal(tmp_path: Path, settings: Any):
    settings.OPSPORTAL_DATA = tmp_path / "data"
    (tmp_path / SITE).write_text(json.dumps({"driver": "process"}))
    (tmp_path / "golden/etc").mkdir(parents=True)
    site = Site.load(tmp_path)
    with modes.within("no-golden", site, 1):
        assert not (tmp_path / "golden").exists()
        (entry,) = service.journal().live()
        injector.revert(service.journal(), entry.id, "the keeper")
        assert (tmp_path / "golden/etc").is_dir() and entry.fault == NoGolden.id
    assert (tmp_path / "golden/etc").is_dir() and not service.journal().live()


def test_busy_loops_end_with_the_game_day(tmp_path: Path):
    before = len(psutil.Process().children())
    with modes.within("starved", Site(tmp_path, {}), 1):
        assert len(psutil.Process().children()) == before + modes.LOOPS
    assert len(psutil.Process().children()) == before


def test_a_source_that_is_switched_off_is_not_read_and_comes_back_by_itself(
    system: System, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(modes, "TAKES_UP_S", 0)

    def names() -> set[str]:
        return {p.name for p in build_all(services.load("shop"), lambda: 0.0)}

    everything = names()
    with modes.blind(system, "logs"):
        assert everything - names() == {"logs"}
    assert names() == everything
    now = datetime.now(UTC)
    assert blind_to(switched_off(["logs"], now), now - timedelta(seconds=1)) == {"logs"}
    assert blind_to(switched_off(["logs"], now), now) == frozenset() == blind_to({}, now)


def test_without_the_ledger_no_change_is_read(system: System, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(modes, "TAKES_UP_S", 0)
    assert set(modes.SOURCES) == {*PROBES, "changes"}
    for source, read in (("changes", False), ("http", True)):
        with modes.blind(system, source):
            watch = SystemWatch(services.load("shop"), lambda: 0.0, lambda: 0.0)
            assert (sampler_for(watch, lambda: False) is not None) is read
