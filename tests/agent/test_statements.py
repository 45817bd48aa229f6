"""What a part says itself at error level: whose word stands in front."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import statements
from agent.replay.held import Symptom
from incidents import models as kept
from incidents.evidence import SignalState
from incidents.findings import Evidence, Finding, Opinion
from incidents.models import Incident
from incidents.picture import Picture
from systems.manifest import parse_manifest
from systems.models import System
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem

MANIFEST = parse_manifest(
    "system: tiny\nservices:\n"
    "  api: {kind: http, depends_on: [worker, db]}\n  worker: {kind: worker, depends_on: [db]}\n"
    "  db: {kind: postgres}\n"
)
SYSTEM = LoadedSystem(MANIFEST, Path("/nowhere"), FakeRuntime(MANIFEST.services))
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def said(service: str, after_s: float = 0.0) -> Symptom:
    at = BEGAN + timedelta(seconds=after_s)
    text = 'ERROR:  column "colour" does not exist'
    return Symptom("log_column_missing", service, "", f"{service} lacks a column", text, True, at, at)


@pytest.mark.parametrize("order", [("db", "worker", "api"), ("worker", "api", "db"), ("api", "db", "worker")])
def test_of_what_was_said_at_once_the_word_of_the_part_that_others_need_comes_first(order: tuple[str, ...]):
    told = statements.told_in_order(said(name, 0.4 * i) for i, name in enumerate(order))
    leading = statements.heard(told, SYSTEM, Opinion(findings=[], none_probability=1.0)).findings[0]
    assert (leading.component, leading.stated) == ("db", True)


def test_what_was_said_long_before_stays_in_front():
    told = statements.told_in_order([said("db", 9.0), said("worker")])
    assert (
        statements.heard(told, SYSTEM, Opinion(findings=[], none_probability=1.0)).findings[0].component
        == "worker"
    )


def change_of(component: str, *said_by: str) -> Finding:
    pro = [Evidence(text="said", signal="log_column_missing", service=name) for name in said_by]
    return Finding(component=component, cause="change", title="a change", probability=0.9, pro=pro)


@pytest.mark.parametrize(
    ("cause", "leads"),
    [
        (change_of("db", "db"), "db"),  # it says so itself, and its caller only repeats it
        (change_of("db"), "api"),  # nothing that it explains is said by it
        (change_of("api", "db"), "api"),  # what its need says is not its own word
    ],
    ids=["own word", "no word", "the need's word"],
)
def test_what_a_part_says_itself_accounts_for_its_callers_saying_the_same(cause: Finding, leads: str) -> None:
    found = statements.heard([said("api")], SYSTEM, Opinion(findings=[cause], none_probability=0.1))
    assert (found.findings[0].component, found.findings[0].stated) == (leads, leads == "api")


REFUSED = "ERROR redis error: User default has no permissions to run the 'set' command"
FULL = "ERROR redis error: MISCONF the disk is full, it cannot persist on disk"


def heard(text: str, signal: str, *services: str, findings: list[Finding]) -> Finding:
    manifest = parse_manifest(
        "system: tiny\nservices:\n  cache: {kind: redis}\n"
        "  api: {kind: http, depends_on: [cache]}\n  web: {kind: http, depends_on: [cache]}\n"
    )
    system = LoadedSystem(manifest, Path("/nowhere"), FakeRuntime(manifest.services))
    told = [Symptom(signal, name, "", f"{name} says it", text, True, BEGAN, BEGAN) for name in services]
    return statements.heard(told, system, Opinion(findings=findings, none_probability=0.1)).findings[0]


@pytest.mark.parametrize(("kind", "leads"), [("access", "change"), ("limit", "")])
def test_a_change_of_the_kind_that_is_spoken_of_accounts_for_what_is_said(kind: str, leads: str) -> None:
    change = Finding(component="cache", cause="change", title="a change", probability=0.9, change_kind=kind)
    assert heard(REFUSED, "log_access_rule", "api", findings=[change]).cause == leads


@pytest.mark.parametrize(("kind", "leads"), [("file", "process_dead"), ("flag", "")])
def test_so_does_a_named_cause_that_rests_on_such_a_change(kind: str, leads: str) -> None:
    """A dead process says that it may not read its files, and how they lie there was changed: the change is its story,
    and taken back where a start alone would bring the same."""
    dead = Finding(component="api", cause="process_dead", title="dead", probability=0.9, change_kind=kind)
    text = 'FATAL:  data directory "/srv/data" has invalid permissions'
    assert heard(text, "log_permission_denied", "api", findings=[dead]).cause == leads


@pytest.mark.parametrize(("what", "leads"), [("table shop.orders", "change"), ("table shop.users", "")])
@pytest.mark.parametrize("called", ["orders", '"orders"'])
def test_a_thing_is_spoken_of_without_its_schema(what: str, leads: str, called: str) -> None:
    owner = Finding(
        component="cache",
        cause="change",
        title="a change",
        probability=0.9,
        change_kind="schema",
        detail=what,
    )
    text = f"ERROR:  permission denied for table {called}"
    assert heard(text, "log_permission_denied", "cache", findings=[owner]).cause == leads


@pytest.mark.parametrize(("now", "leads"), [("30m", "config_changed"), ("40m", "")])
def test_a_value_that_is_quoted_is_the_one_that_was_written(now: str, leads: str) -> None:
    """The service says which value it cannot read, and not where it stands."""
    drift = Evidence(text=f"session.ttl_s: 1800 -> {now}", weight=4.0, signal="config_drift", service="api")
    found = Finding(
        component="api",
        cause="config_changed",
        title="changed",
        probability=0.9,
        change_kind="config",
        pro=[drift],
    )
    text = "ERROR unhandled ValueError on /cart: could not convert string to float: '30m'"
    assert heard(text, "log_decode_error", "api", findings=[found]).cause == leads


def test_what_several_say_of_one_that_all_of_them_need_is_about_that_one() -> None:
    assert heard(FULL, "log_no_space", "api", "web", findings=[]).component == "cache"
    assert heard(FULL, "log_no_space", "api", findings=[]).component == "api"  # it may be its own disk


@pytest.mark.django_db
def test_what_was_written_before_an_act_is_no_word_about_what_it_left() -> None:
    """Words are looked at for eight seconds, and hold for as long."""
    system = System.objects.create(slug="tiny", title="Tiny", manifest_path="/nowhere")
    incident = Incident.objects.create(system=system, fingerprint="x", title="x", started_at=BEGAN)
    text = 'ERROR:  column "colour" does not exist'
    rows: dict[str, Any] = {
        "system": system, "incident": incident, "service": "api", "title": "x", "first_seen": BEGAN
    }  # fmt: skip
    kept.Symptom.objects.create(
        **rows, signal="log_column_missing", text=text, last_seen=BEGAN + timedelta(seconds=12)
    )
    kept.Symptom.objects.create(
        **rows, signal="not_ready", opens=True, last_seen=BEGAN + timedelta(seconds=20)
    )
    ill = SignalState("not_ready", "api", "", True, 0.0, "status 503", BEGAN, "probe")
    picture = Picture(states=[ill])
    at = {after: BEGAN + timedelta(seconds=after) for after in (3, 5)}
    assert [s.signal for s in statements.standing(incident, picture, at[3])] == ["log_column_missing"]
    assert statements.standing(incident, picture, at[5]) == []
