"""A small world for page tests: a system with a manifest, a picture of it, incidents, a waiting request."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from actions.models import ActionRequest, Decision, Status
from incidents import evidence, facts, timeline
from incidents.evidence import Picture
from incidents.health import Health
from incidents.models import Incident, State, Symptom
from systems.models import ChangeRow, System

MANIFEST = """
system: kiosk
title: Kiosk
runtime: {driver: fake}
services:
  gateway: {kind: proxy, depends_on: [api-1, api-2]}
  api-1: {kind: http, group: api, depends_on: [postgres], logs: [{file: api-1.log}]}
  api-2: {kind: http, group: api, depends_on: [postgres]}
  postgres: {kind: postgres}
"""


def make_system(folder: Path, slug: str = "kiosk") -> System:
    """A registered system that is watched; api-1 is down."""
    manifest = folder / "manifest.yaml"
    manifest.write_text(MANIFEST)
    (folder / "api-1.log").write_text(
        '{"level": "info", "msg": "started"}\n{"level": "error", "msg": "no database"}\n'
    )
    now = timezone.now()
    system = System.objects.create(
        slug=slug,
        title="Kiosk",
        manifest_path=str(manifest),
        agent_on=True,
        last_tick_at=now,
        last_tick_ms=12.0,
    )
    show(slug)
    return system


def show(slug: str = "kiosk", *, ago_s: float = 0.0, **health: str) -> None:
    """What the watcher has last seen: every service well but for `health`, by its name with _ for -."""
    words = {"gateway": "ok", "api-1": "ok", "api-2": "ok", "postgres": "ok"}
    words |= {name.replace("_", "-"): word for name, word in (health or {"api_1": "down"}).items()}
    found = {n: Health(word, "" if word == "ok" else f"{n} is {word}") for n, word in words.items() if word}  # type: ignore[arg-type]
    figures = {name: {"latency_ms": 7.5, "error_rate": 0.0} for name in found}
    at = timezone.now() - timedelta(seconds=ago_s)
    evidence.write(slug, Picture(at, health=found, figures=figures))


def make_incident(system: System, **changes: Any) -> Incident:
    """An open incident with a diagnosis, a symptom and three events."""
    values: dict[str, Any] = {
        "fingerprint": "api",
        "title": "api-1 is down",
        "summary": "api-1 cannot reach its database",
        "state": State.DIAGNOSING,
        "started_at": timezone.now() - timedelta(seconds=30),
        "component": "api",
        "cause": "process_dead",
        "confidence": 0.9,
        "hypotheses": [
            {
                "key": "api:process_dead",
                "component": "api",
                "cause": "process_dead",
                "title": "The process is gone",
                "summary": "api-1 cannot reach its database",
                "probability": 0.9,
                "pro": [{"text": "api-1 refuses connections", "weight": 3.2}],
                "con": [{"text": "postgres answers", "weight": -0.5}],
            },
            {"key": "none", "title": "None of these", "probability": 0.1},
        ],
    }
    incident = Incident.objects.create(system=system, **(values | changes))
    Symptom.objects.create(
        system=system,
        incident=incident,
        signal="http_unreachable",
        service="api-1",
        label=str(incident.number),
        title="api-1 refuses connections",
        first_seen=incident.started_at,
        last_seen=incident.started_at,
    )
    seen = facts.Seen(signal="http_unreachable", service="api-1")
    timeline.record(incident.pk, seen, "api-1 refuses connections", actor="watcher")
    timeline.record(incident.pk, facts.Weighed(), "Most likely: the process is gone")
    step = facts.DryRun(
        action="restart-service", target="api-1", risk="low", preview={"command": "restart api-1"}
    )
    plan = facts.Planned(what="taken", steps=[step], p_success=0.8)
    timeline.record(incident.pk, plan, "Plan: restart-service on api-1")
    incident.refresh_from_db()
    incident.system = system
    return incident


def make_change(system: System, *, ago_s: float = 10.0, **values: Any) -> ChangeRow:
    """A change of the ledger."""
    at = timezone.now() - timedelta(seconds=ago_s)
    given: dict[str, Any] = {
        "component": "api-1", "kind": "config", "what": "log.level", "before": "INFO", "after": "DEBUG",
        "last_old": at, "first_new": at, "source": "files", "words": "`log.level` of api-1 changed from INFO to DEBUG",
    }  # fmt: skip
    return ChangeRow.objects.create(system=system, **(given | values))


def make_request(system: System, incident: Incident | None = None, **changes: Any) -> ActionRequest:
    """A request that waits for a person, with everything its card shows."""
    values: dict[str, Any] = {
        "slug": "regenerate-db-creds",
        "target": "postgres",
        "params": {"role": "shop"},
        "risk": "high",
        "risk_why": "four services share this credential",
        "status": Status.WAITING,
        "reason": "the login is refused",
        "requested_by": "agent",
        "expires_at": timezone.now() + timedelta(minutes=5),
        "preview": {
            "command": "ALTER ROLE shop PASSWORD '•••'",
            "changes": ["-DATABASE_URL=old", "+DATABASE_URL=new"],
            "blast_radius": ["postgres", "api-1"],
            "undo": "the old verifier is put back",
            "if_rejected": "it stays down",
        },
    }
    from actions import gate

    request = ActionRequest(system=system, incident=incident, **(values | changes))
    request.digest = gate.digest(request)
    request.save()
    return request


def decided(request: ActionRequest, approved: bool, user: User | None = None) -> None:
    Decision.objects.create(
        request=request, approved=approved, by=user, digest=request.digest, reason="as agreed"
    )


def rights_are_there() -> None:
    """Tests that commit empty these tables too, and do not fill them again."""
    if not Permission.objects.exists():
        for app in apps.get_app_configs():
            create_permissions(app, verbosity=0)


def may_look(user: User) -> User:
    """The same, with the least right that anybody needs here."""
    rights_are_there()
    user.user_permissions.add(Permission.objects.get(codename="view_incident"))
    return User.objects.get(pk=user.pk)


def person(name: str, *codes: str) -> User:
    """Somebody who may look, with just these permissions (codenames) besides."""
    user = User.objects.create_user(name, password="a-long-one")
    rights_are_there()
    wanted = {"view_incident", *codes}
    found = Permission.objects.filter(codename__in=wanted)
    assert found.count() == len(wanted), f"unknown permission among {codes}"
    user.user_permissions.set(found)
    return user
