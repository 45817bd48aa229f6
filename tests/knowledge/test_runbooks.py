"""Seeds, editing, history, and what the editor is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.reasoner import selftest
from knowledge import service, validation
from knowledge.models import Runbook, RunbookRevision
from knowledge.spec import RunbookSpec, parse

GOOD = """---
id: door_stuck
title: The door is stuck
category: api
applies_to: [http]
symptoms:
  http_errors: certain
  log_errors: often
summary: "{component} is stuck"
actions:
  - {action: restart-service}
---
# Door

Push **hard**. <script>alert(1)</script> ![x](http://evil.example/a.png)
"""


def _problems(text: str) -> list[str]:
    return [str(p) for p in validation.problems_of(text)[1]]


@pytest.fixture
def seeds() -> None:
    service.load_seeds()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "_actions", [lambda: {"restart-service", "clear-cache"}])
    monkeypatch.setattr(validation, "_declared", [lambda: {"open-hatch"}])
    monkeypatch.setattr(validation, "_checks", [selftest.check])


# -- what is wrong, and where ------------------------------------------------------------------------------------


def test_a_good_runbook_has_no_problems() -> None:
    assert _problems(GOOD) == []


def test_what_older_runbooks_said_and_nobody_reads_is_passed_over() -> None:
    old = GOOD.replace("summary:", 'verify: ["journeys ok for 5s"]\nchecks: [direct_ok]\nsummary:', 1)
    assert _problems(old) == []
    assert spec_of(old) == spec_of(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("http_errors: certain", "http_erors: certain", 7, "did you mean http_errors"),
        ("http_errors: certain", "http_errors: surely", 6, "not a likelihood"),
        ("http_errors: certain", "http_errors@moon: certain", 7, "unknown scope"),
        ("log_errors: often", "http_errors: often", 8, "given twice"),
        ("category: api", "categori: api", 4, "Extra inputs"),
        ("title: The door is stuck", "title: [", 5, "expected"),
        ("{component} is stuck", "{componnent} is stuck", 9, "not a name that is filled in"),
        ("id: door_stuck", "id: Door Stuck", 2, "pattern"),
        ("summary:", "match: {http_errors: '('}\nsummary:", 9, "regular expression"),
        ("summary:", "prior: 7\nsummary:", 9, "less than or equal"),
        ("---\nid", "id", 1, "three dashes"),
    ],
)
def test_each_problem_names_its_line(old: str, new: str, line: int, word: str) -> None:
    found = _problems(GOOD.replace(old, new, 1))
    assert any(f.startswith(f"line {line}:") and word in f for f in found), found


def test_unclosed_front_matter_and_bad_yaml_are_told_not_raised() -> None:
    assert "closing" in _problems("---\nid: x\n")[0]
    assert _problems("---\n\t- a\n---\n")
    assert _problems("---\n- a\n---\n")
    assert _problems("---\n&a [*a]\n---\n")
    assert _problems("")


def test_unknown_actions_come_from_the_registered_set(checks: None) -> None:
    found = _problems(GOOD.replace("restart-service", "restart-servce"))
    assert any("unknown action" in f and "restart-service" in f for f in found)
    assert _problems(GOOD.replace("restart-service", "restart_service")) == []
    assert _problems(GOOD.replace("restart-service", "open-hatch")) == []  # declared by some system


def test_two_runbooks_no_signal_can_tell_apart_are_refused() -> None:
    spec, _ = validation.problems_of(GOOD)
    assert spec is not None
    twin = GOOD.replace("door_stuck", "window_stuck")
    found = [str(p) for p in validation.problems_of(twin, [spec])[1]]
    assert any("no signal can tell it from 'door_stuck'" in f for f in found)


def test_a_runbook_its_own_symptoms_do_not_point_to_is_refused(checks: None) -> None:
    rival = spec_of(GOOD.replace("door_stuck", "likelier").replace("symptoms:", "prior: 0.3\nsymptoms:"))
    weak = GOOD.replace("certain", "often").replace("symptoms:", "prior: 0.0005\nsymptoms:")
    found = [p for p in validation.problems_of(weak, [rival])[1] if "self-test" in p.message]
    assert found
    assert found[0].level == "error"


def spec_of(text: str) -> RunbookSpec:
    spec, _, problems = parse(text)
    assert spec is not None, problems
    return spec


def test_every_shipped_runbook_is_valid_with_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    from actions.registry import ACTIONS

    monkeypatch.setattr(validation, "_actions", [lambda: ACTIONS])
    texts = {p.name: p.read_text() for p in sorted(service.SEEDS.glob("*.md"))}
    specs = {name: spec_of(text) for name, text in texts.items()}
    for name, text in texts.items():
        others = [s for n, s in specs.items() if n != name]
        assert [str(p) for p in validation.problems_of(text, others)[1]] == [], name
        assert specs[name].id == name.removesuffix(".md")
        assert "## How to tell it from its look-alikes" in text


def test_steps_of_shipped_runbooks_have_parameters_their_actions_take() -> None:
    from actions.registry import ACTIONS

    for path in service.SEEDS.glob("*.md"):
        for steps in spec_of(path.read_text()).paths:
            for item in steps:
                known = set(ACTIONS[item.action].Params.model_fields)
                assert set(item.params) <= known, (path.name, item.action)


def test_shipped_runbooks_name_no_service_of_the_mini_production() -> None:
    words = ("api-1", "api-2", "backup-api", "report-export", "thumb-render", "api-db", "shop.")
    for path in service.SEEDS.glob("*.md"):
        assert not [w for w in words if w in path.read_text()], path.name


# -- seeds and edits ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_seeds_load_once_and_update_only_what_nobody_touched(tmp_path: Path) -> None:
    for name, sign in (("a", "http_errors"), ("b", "zombies")):
        text = GOOD.replace("door_stuck", f"door_{name}").replace("http_errors", sign)
        (tmp_path / f"{name}.md").write_text(text)
    assert service.load_seeds(tmp_path).created == ["door_a", "door_b"]
    assert service.load_seeds(tmp_path).kept == ["door_a", "door_b"]
    mine = GOOD.replace("door_stuck", "door_a").replace("Push", "Pull").replace("certain", "usual")
    service.save("door_a", mine, "ann", "mine", expected_version=1)
    for name in ("a", "b"):
        path = tmp_path / f"{name}.md"
        path.write_text(path.read_text().replace('stuck"', 'really stuck"'))
    done = service.load_seeds(tmp_path)
    assert (done.updated, done.kept) == (["door_b"], ["door_a"])
    assert "Pull" in Runbook.objects.get(slug="door_a").text
    assert "really" in Runbook.objects.get(slug="door_b").text


@pytest.mark.django_db
def test_a_broken_seed_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text(GOOD.replace("http_errors", "nonsense"))
    with pytest.raises(service.InvalidRunbook, match=r"bad\.md"):
        service.load_seeds(tmp_path)


@pytest.mark.django_db
def test_two_people_editing_at_once_do_not_lose_each_others_work() -> None:
    service.save("door_stuck", GOOD, "ann", expected_version=0)
    service.save("door_stuck", GOOD.replace("hard", "harder"), "ann", expected_version=1)
    with pytest.raises(service.EditConflict) as stale:
        service.save("door_stuck", GOOD.replace("hard", "softly"), "bob", expected_version=1)
    assert stale.value.current == 2
    assert "harder" in Runbook.objects.get(slug="door_stuck").text


@pytest.mark.django_db
def test_an_invalid_text_is_not_saved() -> None:
    with pytest.raises(service.InvalidRunbook) as found:
        service.save("door_stuck", GOOD.replace("http_errors", "nonsense"), "ann", expected_version=0)
    assert found.value.problems[0].line == 7
    assert not Runbook.objects.exists()


@pytest.mark.django_db
def test_the_id_of_a_runbook_stays() -> None:
    service.save("door_stuck", GOOD, "ann", expected_version=0)
    problems = service.validate(GOOD.replace("door_stuck", "other_id"), "door_stuck")
    assert any("must stay" in p.message for p in problems)


@pytest.mark.django_db
def test_an_edit_changes_the_specs_at_the_next_look() -> None:
    service.save("door_stuck", GOOD, "ann", expected_version=0)
    assert [s.title for s in service.active_specs()] == ["The door is stuck"]
    again = service.active_specs()
    assert service.active_specs() is again
    edited = GOOD.replace("title: The door is stuck", "title: The gate is stuck")
    service.save("door_stuck", edited, "ann", expected_version=1)
    assert [s.title for s in service.active_specs()] == ["The gate is stuck"]
    service.set_enabled("door_stuck", False)
    assert list(service.active_specs()) == []


@pytest.mark.django_db
def test_history_diff_and_restore() -> None:
    service.save("door_stuck", GOOD, "ann", "first", expected_version=0)
    service.save("door_stuck", GOOD.replace("hard", "gently"), "bob", "softer", expected_version=1)
    assert [(r.version, r.author, r.note) for r in service.history("door_stuck")] == [
        (2, "bob", "softer"),
        (1, "ann", "first"),
    ]
    lines = service.diff("door_stuck", 1, 2)
    assert any(line.startswith("-Push **hard**") for line in lines)
    assert any(line.startswith("+Push **gently**") for line in lines)
    service.restore("door_stuck", 1, "cy", expected_version=2)
    assert Runbook.objects.get(slug="door_stuck").text == GOOD
    assert RunbookRevision.objects.filter(runbook__slug="door_stuck").count() == 3


def test_preview_is_safe_html() -> None:
    html = service.preview_html(GOOD + "\n[go](javascript:alert(1)) <img src=x onerror=alert(1)>")
    assert "<strong>hard</strong>" in html
    for bad in ("<script", "<img", 'href="javascript', 'evil.example/a.png"', "onerror=alert(1)>"):
        assert bad not in html.replace("&lt;", "(").replace("&gt;", ")"), html
