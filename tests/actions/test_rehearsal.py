"""Every action is tried on each of its targets and nothing is done; what cannot be reached is told apart from what has
nothing to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actions import dryrun, gate, registry
from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, Result
from actions.models import ActionRequest, Risk
from actions.rehearsal import Rehearsed, rehearse, without_a_unit
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem, from_manifest
from tests.systems.helpers import closed_port, make_system

pytestmark = pytest.mark.django_db(transaction=True)


def by_name(found: list[Rehearsed], slug: str) -> dict[str, tuple[str, str]]:
    return {r.target: (r.outcome, r.why) for r in found if r.action == slug}


def test_on_a_whole_system_each_says_what_it_would(system: LoadedSystem, runtime: FakeRuntime) -> None:
    found = rehearse(system)
    assert {
        name: outcome for name, (outcome, _) in by_name(found, "restart-service").items()
    } == dict.fromkeys(("front", "web-1", "web-2", "db", "cache", "crew"), "ready")
    assert by_name(found, "requeue-inflight")["cache"] == ("idle", "no message is in flight")
    assert by_name(found, "kill-session")["db"][0] == "idle"
    assert {r.action for r in found} <= set(registry.of(system))
    assert runtime.calls == [], "nothing was done"
    assert not ActionRequest.objects.exists()


def test_what_cannot_be_reached_is_told_apart_and_without_secrets(tmp_path: Path) -> None:
    where = closed_port()
    system = make_system(
        tmp_path,
        {
            "db": {"kind": "postgres", "postgres": {"dsn": f"postgresql://u:hush-hush-word@{where}/d"}},
            "cache": {
                "kind": "redis",
                "redis": {"url": f"redis://{where}/0", "queues": [{"name": "q", "processing": "b"}]},
            },
            "web": {"kind": "http", "unit": "web", "config": {"file": "etc/a", "golden": "golden/a"}},
        },
    )
    found = rehearse(system)
    for slug, target in (("vacuum-analyze", "db"), ("kill-session", "db"), ("requeue-inflight", "cache")):
        outcome, why = by_name(found, slug)[target]
        assert outcome == "unreached" and why, (slug, outcome, why)
    assert not any("hush-hush-word" in r.why for r in found)
    assert by_name(found, "restart-service") == {"web": ("ready", "")}
    assert "golden copy of web is missing" in by_name(found, "restore-config")["web"][1]


class Hanging(Action[NoParams]):
    slug, title, risk = "hang", "Hang", Risk.LOW

    def targets(self, system: LoadedSystem) -> list[str]:
        return list(system.services)

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset()

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        import time

        time.sleep(3)

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        raise ZeroDivisionError("oops")

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        raise AssertionError("it is never run")

    def read_back(self, ctx: ActionContext, params: NoParams) -> Any:
        return "unknown"


class Broken(Hanging):
    slug = "break"

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        pass


def test_one_that_hangs_or_breaks_is_told_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ACTIONS", {**registry.ACTIONS, "hang": Hanging(), "break": Broken()})
    system = make_system(tmp_path, {"web": {"kind": "http"}})
    found = rehearse(system, within_s=0.5)
    assert by_name(found, "hang") == {"web": ("unreached", "no answer in 0.5 s")}
    assert by_name(found, "break") == {"web": ("unreached", "ZeroDivisionError: oops")}


def test_where_nothing_is_driven_what_needs_a_unit_does_not_apply_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    db = {"kind": "postgres", "postgres": {"dsn": f"postgresql://u:p@{closed_port()}/d"}}
    far = {"system": "far", "runtime": {"driver": "none"}, "services": {"web": {"kind": "http"}, "db": db}}
    file.write_text(json.dumps(far))
    system = from_manifest(file)
    lacking = without_a_unit(system)
    assert {"restart-service", "restart-db", "rolling-restart", "kill-process", "roll-back-release"} == set(
        lacking
    )
    assert not {r.action for r in rehearse(system)} & set(lacking)
    for slug in lacking:
        with pytest.raises(
            ActionRefused, match=r"needs a unit: web is not ours to control.*only watched \(runtime: none"
        ):
            gate.bind(system, slug, "web", {})
        with pytest.raises(ActionRefused, match="needs a unit: far is not ours to control"):
            dryrun.bind_named(system, slug, "", {})
    partly = make_system(tmp_path, {"web": {"kind": "http", "unit": "web"}, "mail": {"kind": "other"}})
    assert without_a_unit(partly) == []
    with pytest.raises(ActionRefused, match=r"needs a unit: mail is not ours to control$"):
        gate.bind(partly, "restart-service", "mail", {})
