"""What a game day may do to the portal around it: approvals for one fault at a time, and the agent left as it was."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from actions import grants, registry
from actions.models import AuditEntry, PolicyGrant
from chaos import registry as registry_of_faults
from chaos import service
from chaos.faults.base import FaultFailed, Undo
from chaos.gameday import allowed, drive
from chaos.gameday.draws import Draw
from chaos.gameday.drive import Driver
from chaos.gameday.play import play as play_all
from chaos.gameday.told import Pipeline
from chaos.scorecard import Row
from chaos.site import Site
from systems import services
from systems.manifest import parse_manifest
from systems.models import System
from systems.state import ledger
from tests.chaos.test_injector import Scratch


@pytest.fixture
def system(db: None, tmp_path: Path) -> System:
    return System.objects.create(slug="shop", title="Shop", manifest_path=str(tmp_path / "manifest.yaml"))


def set_agent(on: bool) -> None:
    System.objects.update(agent_on=on)


def agent_on() -> bool:
    return System.objects.get().agent_on


def play(system: System, baseline: str = "") -> None:
    play_all(Driver(system, baseline, lambda _: None), [Draw(("api_down",), 1)], "mira", 10.0)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("baseline", ["", "none"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_agent_is_left_as_it_was(
    system: System, monkeypatch: pytest.MonkeyPatch, before: bool, baseline: str, fails: bool
) -> None:
    during = []

    def one(self: Driver, draw: Draw, timeout_s: float) -> Row:
        during.append(agent_on())
        if fails:
            raise RuntimeError("the sandbox is gone")
        return Row(draw.name, "process", draw.seed)

    monkeypatch.setattr(Driver, "one", one)
    set_agent(before)
    if fails:
        with pytest.raises(RuntimeError, match="gone"):
            play(system, baseline)
    else:
        play(system, baseline)
    assert during == [not baseline]
    assert agent_on() == before
    switched = AuditEntry.objects.filter(verb__startswith="agent.").count()
    assert switched == (0 if before == (not baseline) else 2)


@pytest.mark.parametrize("baseline", ["", "none"])
def test_what_a_person_says_meanwhile_stays(
    system: System, monkeypatch: pytest.MonkeyPatch, baseline: str
) -> None:
    """Off during a day of the agent, on during one without it."""
    said = bool(baseline)

    def one(self: Driver, draw: Draw, timeout_s: float) -> Row:
        set_agent(said)
        return Row(draw.name, "process", draw.seed)

    monkeypatch.setattr(Driver, "one", one)
    set_agent(not baseline)
    play(system, baseline)
    assert agent_on() == said


@pytest.mark.parametrize("baseline", ["", "none"])
def test_approvals_live_as_long_as_one_fault(
    system: System, monkeypatch: pytest.MonkeyPatch, baseline: str
) -> None:
    found: list[list[PolicyGrant]] = []

    def look(self: Driver, row: Row | None = None, *_: Any) -> Row | None:
        found.append(list(grants.live()))
        return row

    monkeypatch.setattr(Driver, "steady", look)
    monkeypatch.setattr(Driver, "_attempt", look)
    play(system, baseline)
    assert found[0] == [] and list(grants.live()) == []
    if baseline:  # nobody acts, so nothing is approved
        assert found[1] == []
        return
    (grant,) = found[1]
    assert (grant.scope, grant.requester) == ("game_day", "agent")
    assert (grant.expires_at - grant.created_at).total_seconds() < 600
    assert grant.actions == sorted([*allowed.MENDS, grants.WIDENING])


def test_nothing_that_replaces_data_is_approved_beforehand() -> None:
    assert set(registry.ACTIONS) >= set(allowed.MENDS)
    assert not {"restore-db", "run-migrations", "roll-back-migration", "roll-back-release"} & set(
        allowed.MENDS
    )


def test_what_a_pipeline_tells_stands_on_the_ledger(db: None, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(
        "system: small\nruntime: {driver: fake, name: told, units: [api-1]}\nservices:\n  api-1: {kind: http}\n"
    )
    system = services.register(tmp_path / "manifest.yaml")
    pipeline, draw = Pipeline(system), random.Random("one")
    told = [pipeline(draw) for _ in range(12)]
    assert {t.kind for t in told} == {"deploy", "flag", "commit"}
    kept = ledger.recent(system.pk)
    assert sorted((c.component, c.kind, c.what) for c in kept) == sorted(
        (t.component, t.kind, t.what) for t in told
    )


class Unprepared(Scratch):
    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        raise FaultFailed("the cupboard is bare")


class Fails(Scratch):
    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        raise OSError("no spanner")


@pytest.mark.parametrize(
    ("second", "note"), [(Unprepared, "the cupboard is bare"), (Fails, "OSError: no spanner")]
)
def test_what_cannot_be_put_in_is_said_and_its_twin_taken_back(
    system: System,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    second: type[Scratch],
    note: str,
) -> None:
    settings.OPSPORTAL_DATA = tmp_path / "data"
    (tmp_path / "site.json").write_text("{}")
    (tmp_path / "file").write_text("whole")
    for name, made in (("one", Scratch()), ("two", second())):
        made.id = name  # type: ignore[misc]
        monkeypatch.setitem(registry_of_faults.FAULTS, name, made)
    monkeypatch.setattr(Driver, "steady", lambda _: None)
    monkeypatch.setattr(drive, "Target", NothingRuns)
    monkeypatch.setattr(drive, "Planted", NothingPlanted)
    monkeypatch.setattr(drive, "APART_S", 0)
    monkeypatch.setattr(drive, "PLANTED_S", 0.01)
    row = Driver(system, "none", lambda _: None).one(Draw(("one", "two"), 1, "pairs"), 5.0)
    assert (row.outcome, row.fixed) == ("missed", False) and note in row.note
    assert (tmp_path / "file").read_text() == "whole"
    assert service.journal().live() == []


class NothingRuns:
    ran: frozenset[str] = frozenset()
    felt: int | None = None

    def __init__(self, *_: object) -> None: ...

    def __call__(self) -> str:
        return ""


class NothingPlanted:
    def __init__(self, site: Site) -> None:
        self.plant = self.send = self.clear = lambda: None

    def look(self) -> str:
        return ""


def test_the_systems_own_actions_that_mend_something_are_approved_too(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = [
        {
            "name": "renew",
            "title": "Renew it",
            "mends": ["credentials_expired"],
            "do": {"http": "http://h/renew"},
        },
        {"name": "paint", "title": "Paint it", "do": {"http": "http://h/paint"}},
    ]
    told = {
        "system": "s",
        "runtime": {"driver": "none"},
        "services": {"a": {"kind": "http", "actions": acts}},
    }
    loaded = SimpleNamespace(manifest=parse_manifest(yaml.safe_dump(told)))
    monkeypatch.setattr(allowed.services, "load", lambda slug: loaded)
    assert allowed.declared(system) == ["renew"]
    assert {"renew", "restore-db", *allowed.MENDS} == {*allowed.beforehand(system, ["restore-db"])}
