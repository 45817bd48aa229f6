"""The validator on states made by hand: it believes measurements only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.case import Judgement
from agent.roles.validator import MeasuringValidator
from incidents.evidence import SignalState
from incidents.models import Incident
from systems import services
from systems.models import System
from systems.runtimes.fake import FakeRuntime

MANIFEST = """
system: hand
runtime: {driver: fake, units: [web, db]}
services:
  web: {kind: http, depends_on: [db, provider]}
  db: {kind: postgres}
  provider: {kind: external, unit: null}
"""
DOWN = "http_unreachable@web"


def state(signal: str, service: str, value: bool | None, label: str = "", text: str = "") -> SignalState:
    return SignalState(signal, service, label, value, 0.0, text, datetime.now(UTC), "probe")


@pytest.fixture(autouse=True)
def hand_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    loaded = services.from_manifest(tmp_path / "manifest.yaml", runtime=FakeRuntime(["web", "db"]))
    monkeypatch.setattr(services, "load", lambda slug: loaded)


def judge(*states: SignalState, before: tuple[str, ...] = (DOWN,)) -> Judgement:
    incident = Incident(system=System(slug="hand"))
    return MeasuringValidator().judge(incident, list(states), set(before), datetime.now(UTC))


def test_gone_symptoms_and_green_journeys_are_a_recovery():
    verdict = judge(state("http_unreachable", "web", False), state("journey_failed", "web", False, "browse"))
    assert (verdict.state, verdict.cleared, verdict.remaining) == ("recovered", 1, [])
    assert "1 synthetic journeys are green" in verdict.why


def test_a_symptom_that_still_holds_is_not():
    verdict = judge(state("http_unreachable", "web", True))
    assert (verdict.state, verdict.cleared) == ("unwell", 0)
    assert len(verdict.remaining) == 1


def test_a_failing_journey_outweighs_cleared_symptoms():
    verdict = judge(state("http_unreachable", "web", False), state("journey_failed", "web", True, "browse"))
    assert verdict.state == "unwell"
    assert verdict.cleared == 1


def test_new_trouble_is_named_as_new():
    verdict = judge(state("http_unreachable", "web", False), state("tcp_refused", "db", True))
    assert (verdict.state, verdict.cleared, len(verdict.new)) == ("unwell", 1, 1)
    assert "db" in verdict.new[0]


def test_what_cannot_be_read_any_more_is_not_a_recovery():
    verdict = judge(state("http_unreachable", "web", None))
    assert verdict.state == "holding"
    assert "not known" in verdict.why and "http_unreachable" not in verdict.why


def test_context_signals_do_not_keep_it_open():
    assert (
        judge(state("http_unreachable", "web", False), state("config_drift", "web", True)).state
        == "recovered"
    )


def test_what_is_not_ours_may_stay_broken_if_everything_of_ours_works():
    verdict = judge(
        state("http_unreachable", "web", False),
        state("external_down", "provider", True),
        state("journey_failed", "web", False, "checkout"),
        before=(DOWN, "external_down@provider"),
    )
    assert verdict.state == "recovered"
    assert "not ours to control" in verdict.why


def test_what_is_not_ours_is_no_excuse_while_journeys_fail():
    verdict = judge(
        state("external_down", "provider", True), state("journey_failed", "web", True, "checkout")
    )
    assert verdict.state == "unwell"


def test_labels_are_symptoms_of_their_own():
    verdict = judge(
        state("journey_failed", "web", False, "browse"),
        state("journey_failed", "web", True, "login"),
        before=("journey_failed@web#browse", "journey_failed@web#login"),
    )
    assert (verdict.state, verdict.cleared) == ("unwell", 1)


def test_no_picture_at_all_is_not_a_recovery():
    """The watcher is dead: nothing is known, so nothing is claimed."""
    assert judge().state != "recovered"


def test_a_lost_table_that_nobody_misses_is_no_trouble() -> None:
    lost = state("pg_table_missing", "db", True)
    assert judge(state("http_unreachable", "web", False), lost).state == "recovered"
