"""Breaking over HTTP: names and aliases, refusals with reasons, permission through the token."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from chaos import service, tasks
from chaos.faults.base import Part
from chaos.models import Injection
from chaos.registry import ALIASES, FAULTS
from incidents.models import Incident
from opsportal import tokens
from systems.models import System

pytestmark = pytest.mark.django_db
Post = Callable[..., Any]


@pytest.fixture
def system(tmp_path: Path, settings: Any) -> System:
    """A system with an injector's description but nothing running: enough to arm faults that only read files."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    (tmp_path / "etc").mkdir()
    for unit in ("api-1", "api-2", "net"):
        (tmp_path / "etc" / f"{unit}.yaml").write_text("a: 1\n")
    (tmp_path / "site.json").write_text("{}")
    return System.objects.create(slug="shop", title="Shop", manifest_path=str(tmp_path / "manifest.yaml"))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids the worker was told to break."""
    found: list[str] = []
    monkeypatch.setattr(tasks.run, "delay", found.append)
    return found


@pytest.fixture
def post(client: Client, system: System) -> Post:
    return _poster(client, ["chaos.inject_fault"])


def _poster(client: Client, permissions: list[str]) -> Post:
    user = User.objects.create_superuser("mira")
    secret, _ = tokens.create(user, "test", permissions)

    def send(path: str, **body: Any) -> Any:
        return client.post(
            path, json.dumps(body), content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {secret}"
        )

    return send


def data(answer: Any) -> dict[str, Any]:
    return json.loads(answer.content)  # type: ignore[no-any-return]


def test_a_break_is_accepted_recorded_and_given_to_a_worker(post: Post, told: list[str]):
    answer = post("/break/api_slow_latency", duration_s=30)
    assert answer.status_code == 202, answer.content
    row = Injection.objects.get()
    assert (data(answer)["id"], row.fault, row.by) == (str(row.pk), "api_slow_latency", "mira")
    assert told == [str(row.pk)]
    entry = service.journal().read(str(row.pk))
    assert entry.undo["texts"] == {"api-1": "a: 1\n", "api-2": "a: 1\n"}
    assert 0 < (row.deadline - timezone.now()).total_seconds() <= 30


@pytest.mark.parametrize(
    "alias", [a for a, (f, _) in ALIASES.items() if f in ("api_slow_latency", "api_down")]
)
@pytest.mark.parametrize("dash", [False, True])
def test_aliases_and_dashes(post: Post, told: list[str], alias: str, dash: bool):
    assert post(f"/break/{alias.replace('_', '-') if dash else alias}").status_code == 202
    fault, implied = ALIASES[alias]
    row = Injection.objects.get()
    assert row.fault == fault
    if implied:
        assert (row.deadline - timezone.now()).total_seconds() <= implied


def test_the_spellings_people_use_lead_to_the_right_faults():
    wanted = {
        "db": "db_auth_failure",
        "db_connection": "db_auth_failure",
        "db_pool": "db_pool_exhaustion",
        "high_cpu": "cpu_spike",
        "cpu": "cpu_spike",
        "latency": "api_slow_latency",
        "service_down": "api_down",
        "api_down": "api_down",
        "log_errors": "log_errors",
    }
    assert {name: service.resolve(name)[0] for name in wanted} == wanted
    assert service.resolve("Service-Down")[1] == 10.0


def test_an_unknown_fault_gets_near_names(post: Post, told: list[str]):
    answer = post("/break/api_dwon")
    assert answer.status_code == 404
    assert "api_down" in data(answer)["near"]
    assert "api_down" in data(answer)["detail"]
    assert (told, Injection.objects.count()) == ([], 0)


def test_one_fault_at_a_time_unless_forced(post: Post, told: list[str]):
    assert post("/break/api_slow_latency").status_code == 202
    answer = post("/break/config_corruption")
    assert answer.status_code == 409
    assert "revert it first" in data(answer)["detail"]
    assert post("/break/config_corruption", force=True).status_code == 202
    again = post("/break/api_slow_latency", force=True)
    assert again.status_code == 409
    assert "running already" in data(again)["detail"]
    live = service.journal().live()
    assert sorted(e.fault for e in live) == ["api_slow_latency", "config_corruption"]


def test_a_sick_system_is_refused(post: Post, told: list[str], system: System):
    Incident.objects.create(system=system, fingerprint="x", title="web is down", started_at=timezone.now())
    answer = post("/break/api_down")
    assert answer.status_code == 409
    assert "web is down" in data(answer)["detail"]


def test_a_system_that_is_no_sandbox_is_refused(post: Post, told: list[str], tmp_path: Path):
    (tmp_path / "site.json").unlink()
    answer = post("/break/api_down")
    assert answer.status_code == 409
    assert "sandbox" in data(answer)["detail"]


@pytest.mark.parametrize("body", [{"duration_s": 0}, {"duration_s": -1}, {"duration_s": 601}, {"params": 3}])
def test_bad_bodies_say_what_to_mend(post: Post, told: list[str], body: dict[str, Any]):
    answer = post("/break/api_down", **body)
    assert answer.status_code == 422
    assert next(iter(body)) in data(answer)["detail"]


def test_without_a_token_or_the_permission_nothing_is_broken(client: Client, system: System, told: list[str]):
    assert client.post("/break/api_down").status_code == 401
    weak = _poster(client, ["actions.run_action"])
    for path in ("/break/api_down", "/revert", "/revert/api_down"):
        assert weak(path).status_code == 403
    assert (told, Injection.objects.count()) == ([], 0)


def test_revert_one_by_alias_and_all(post: Post, told: list[str], monkeypatch: pytest.MonkeyPatch):
    reverted: list[str] = []
    for fault in ("api_slow_latency", "config_corruption", "api_down"):
        part = Part(fault, lambda f=fault: reverted.append(f))
        monkeypatch.setattr(FAULTS[fault], "parts", lambda site, undo, p=part: [p])
        post(f"/break/{fault}", force=True)
    assert data(post("/revert/latency")) == {"reverted": ["api_slow_latency"]}
    assert data(post("/revert/latency")) == {"reverted": []}
    assert sorted(data(post("/revert"))["reverted"]) == ["api_down", "config_corruption"]
    assert sorted(reverted) == ["api_down", "api_slow_latency", "config_corruption"]
    assert not Injection.objects.filter(status=Injection.Status.RUNNING).exists()
    assert post("/revert/nonsense").status_code == 404


def test_the_list_says_what_runs(client: Client, post: Post, told: list[str]):
    post("/break/api_down")
    secret, _ = tokens.create(User.objects.get(), "reader", ["chaos.inject_fault"])
    answer = client.get("/break", HTTP_AUTHORIZATION=f"Bearer {secret}")
    found = {f["id"]: f for f in json.loads(answer.content)}
    assert set(found) == set(FAULTS)
    assert len(found["api_down"]["running"]) == 1
    assert "service_down" in found["api_down"]["aliases"]
    assert '"expected"' not in answer.content.decode()


def test_with_no_broker_it_is_broken_right_here(post: Post, monkeypatch: pytest.MonkeyPatch):
    def refuse(_: str) -> None:
        raise ConnectionError("no broker")

    broken: list[Any] = []
    monkeypatch.setattr(tasks.run, "delay", refuse)
    monkeypatch.setattr(FAULTS["api_down"], "inject", lambda site, params, undo: broken.append(undo))
    assert post("/break/api_down").status_code == 202
    assert broken == [{"units": ["api-1", "api-2"]}]


@pytest.mark.parametrize(
    ("wrong", "state", "goes"),
    [("", "resolved", True), ("still cut", "resolved", False), ("", "verifying", False)],
)
def test_only_a_repaired_fault_makes_way(
    post: Post,
    told: list[str],
    system: System,
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
    state: str,
    goes: bool,
):
    """Taken back when its incident is resolved and the fault itself finds nothing broken any more."""
    assert post("/break/api_slow_latency").status_code == 202
    row = Injection.objects.get()
    Incident.objects.create(
        system=system, fingerprint="gateway", title="slow", state=state, started_at=timezone.now()
    )
    fault = type(FAULTS["api_slow_latency"])
    monkeypatch.setattr(fault, "still_broken", lambda self, site, undo: wrong)
    monkeypatch.setattr(fault, "parts", lambda self, site, undo: [])
    service.tidy(system)
    row.refresh_from_db()
    assert (row.status == Injection.Status.REVERTED) is goes


def test_how_hard_it_hits_is_chosen_within_its_bounds(post: Post, told: list[str]):
    answer = post("/break/api_slow_latency", intensity=2.5)
    assert answer.status_code == 202, answer.content
    entry = service.journal().read(data(answer)["id"])
    assert (entry.undo["delay"], Injection.objects.get().params) == (2.5, {"intensity": 2.5})
    for fault, intensity, why in (
        ("time_drift", 5, "from 30 to 86400"),
        ("time_drift", 1e9, "from 30 to 86400"),
        ("api_down", 2, "no intensity to choose"),
    ):
        refused = post(f"/break/{fault}", intensity=intensity, force=True)
        assert refused.status_code == 409 and why in data(refused)["detail"], fault
    assert len(told) == 1
