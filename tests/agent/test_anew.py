"""What has to be started after something was put back: who was given up meanwhile, and nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agent import anew
from agent.case import Judgement, Path
from agent.phases import further
from agent.roles.base import Draft
from incidents.findings import Evidence, Finding, PlannedStep
from systems.runtimes import RuntimeFailed

EFFECTS = {
    "revert-change": ["revert:db/files/data"],
    "kill-session": ["session:db/7"],
    "restart-db": ["restart:db"],
}
APPLIES = {"restart-db": ["db"], "restart-service": ["web-1"]}


class Runtime:
    def __init__(self, *fatal: str) -> None:
        self.fatal = fatal

    def state(self, unit: str) -> Any:
        if unit == "web-2":
            raise RuntimeFailed("no such unit")
        return SimpleNamespace(fatal=unit in self.fatal)


def given_up(
    monkeypatch: pytest.MonkeyPatch, *done: tuple[str, str], fatal: tuple[str, ...], of: str = "db"
) -> list[str]:
    units = {name: SimpleNamespace(unit=name) for name in ("db", "web-1", "web-2")}
    graph = SimpleNamespace(members=lambda name: {"web": ("web-1", "web-2")}.get(name, (name,)))
    loaded = SimpleNamespace(graph=graph, services=units, runtime=Runtime(*fatal))
    monkeypatch.setattr(anew.services, "load", lambda _: loaded)
    monkeypatch.setattr(anew.actions, "effects_of", lambda _, action, *rest: EFFECTS[action])
    monkeypatch.setattr(
        anew.actions,
        "resolve_targets",
        lambda _, action, name, params: [t for t in APPLIES[action] if t == name],
    )
    steps = [PlannedStep(action=a, target=t) for a, t in done]
    attempt = SimpleNamespace(done=steps, path=SimpleNamespace(steps=steps))
    case = SimpleNamespace(attempt=attempt if done else None, acted_on=Finding(component=of))
    run = SimpleNamespace(case=case, incident=SimpleNamespace(system=SimpleNamespace(slug="s")))
    return [s.words for s in anew.given_up(run)]  # type: ignore[arg-type]


def test_what_was_given_up_is_started_once_what_kept_it_down_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    back = ("revert-change", "db")
    assert given_up(monkeypatch, back, fatal=("db",)) == ["restart-db on db"]
    assert given_up(monkeypatch, back, fatal=("db", "web-1"), of="web") == [
        "restart-db on db",
        "restart-service on web-1",
    ]


def test_who_runs_was_started_already_or_had_nothing_put_back_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back = ("revert-change", "db")
    assert given_up(monkeypatch, back, fatal=()) == []
    assert given_up(monkeypatch, back, ("restart-db", "db"), fatal=("db",)) == []
    assert given_up(monkeypatch, ("kill-session", "db"), fatal=("db",)) == []
    assert given_up(monkeypatch, fatal=("db",)) == []


PATHS = [["restore-config@web"], ["restore-config@web", "restart-service@web"], ["revert-change@web"]]


@pytest.mark.parametrize(
    ("done", "active", "rest"),
    [
        (["restore-config@web"], ["queue_stuck@cache#orders"], ["restart-service on web"]),
        (["restore-config@web"], ["pg_unreachable@db"], []),  # another trouble
        (["revert-change@web"], ["queue_stuck@cache#orders"], []),
        (PATHS[1], ["queue_stuck@cache#orders"], []),
        ([], ["queue_stuck@cache#orders"], []),
    ],
)
def test_who_may_still_be_at_what_it_took_up_before_is_started_anew(
    done: list[str], active: list[str], rest: list[str]
) -> None:
    def steps(words: list[str]) -> list[PlannedStep]:
        return [PlannedStep(action=w.partition("@")[0], target=w.partition("@")[2]) for w in words]

    pro = [Evidence(signal="queue_stuck", service="cache"), Evidence(signal="config_drift", service="web")]
    finding = Finding(component="web", cause="config_changed", pro=pro, paths=[steps(p) for p in PATHS])
    attempt = SimpleNamespace(done=steps(done), path=Path(finding=finding.key, steps=steps(done)))
    case = SimpleNamespace(attempt=attempt, acted_on=finding, tried=[])
    run = SimpleNamespace(case=case)
    found = anew.longer(run, active)  # type: ignore[arg-type]
    assert [s.words for s in found] == rest
    case.tried.append(
        Path(finding=finding.key, steps=steps(PATHS[1])).key
    )  # it was refused, or helped no more
    assert anew.longer(run, active) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("veto", ["restart-service on web is left: it was rejected", ""])
def test_what_a_person_refused_is_not_asked_as_the_rest_of_a_path(
    monkeypatch: pytest.MonkeyPatch, veto: str
) -> None:
    rest = [PlannedStep(action="restart-service", target="web")]
    for name, found in (("given_up", []), ("steps", []), ("longer", rest)):
        monkeypatch.setattr(further.anew, name, lambda *_, found=found: found)
    monkeypatch.setattr(further, "go_on", lambda run, steps, why: steps)
    monkeypatch.setattr(further.evidence, "picture", lambda slug: None)

    class Reviewer:
        def review(self, incident: Any, picture: Any, draft: Draft) -> dict[str, str]:
            return {p.key: veto for p in draft.paths} if veto else {}

    monkeypatch.setattr(further.roles, "reviewer", lambda run: Reviewer())
    case = SimpleNamespace(acted_on=Finding(component="web"), tried=[], acted_at=None)
    run = SimpleNamespace(case=case, incident=SimpleNamespace(system=SimpleNamespace(slug="s")))
    said = Judgement(state="unwell", why="it still waits", cleared=1)
    assert further.instead(run, said) == (None if veto else rest)  # type: ignore[arg-type]
