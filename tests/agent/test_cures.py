"""What a system declares to mend a cause is a way to repair there, before what a runbook says of all systems."""

from __future__ import annotations

import pytest

from agent.reasoner import Hypothesis
from agent.roles import cures
from agent.roles.diagnoser import finding
from systems.manifest import Manifest, parse_manifest

PATHS = ["paint", "polish"]
ACTION = "{{name: {name}, title: Do it, mends: [{mends}], do: {{http: {{post: 'http://h/{name}'}}}}}}"


def manifest() -> Manifest:
    shine = ", ".join(ACTION.format(name=name, mends="dull") for name in PATHS)
    return parse_manifest(
        "system: t\nservices:\n"
        f"  web-a: {{kind: http, group: web, actions: [{shine}]}}\n"
        f"  web-b: {{kind: http, group: web, actions: [{ACTION.format(name='polish', mends='dull')}]}}\n"
        f"  db: {{kind: other, actions: [{ACTION.format(name='sweep', mends='other, dull')}]}}\n"
    )


def blamed(component: str, cause: str = "dull", **more: object) -> Hypothesis:
    return Hypothesis(component, cause, "", 0.9, "t", "s", **more)  # type: ignore[arg-type]


def named(h: Hypothesis) -> list[list[tuple[str, str]]]:
    return [[(s.action, s.target) for s in path] for path in cures.declared(manifest(), h)]


def test_each_declared_way_is_a_path_of_its_own() -> None:
    assert named(blamed("web-a")) == [[("paint", "web-a")], [("polish", "web-a")]]


def test_of_a_group_on_all_who_declare_it() -> None:
    group = blamed("web", members=("web-a", "web-b"))
    assert named(group) == [[("paint", "web-a")], [("polish", "web-a"), ("polish", "web-b")]]


@pytest.mark.parametrize(
    "other",
    [blamed("web-a", "bright"), blamed("nobody"), blamed("web-a", kind="change")],
    ids=["another cause", "another part", "a change"],
)
def test_nothing_else(other: Hypothesis) -> None:
    assert named(other) == []
    assert cures.declared(None, blamed("web-a")) == []


def test_a_cause_is_known_by_its_older_names() -> None:
    assert named(blamed("db", "dim", aliases=("other",))) == [[("sweep", "db")]]


def test_it_comes_before_the_runbooks_own() -> None:
    found = finding(blamed("web-a"), [], cures.declared(manifest(), blamed("web-a")))
    assert [[s.action for s in path] for path in found.paths] == [["paint"], ["polish"]]
