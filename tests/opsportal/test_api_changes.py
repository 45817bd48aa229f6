"""What CI/CD tells of changes: once, by whoever may, without secrets, and on record."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from actions.models import AuditEntry
from systems.models import ChangeRow, System
from tests.actions.conftest import _data_dir, base, person, row, runtime, system
from tests.opsportal.test_api import Api

__all__ = ["_data_dir", "base", "row", "runtime", "system"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("system")]
SEE, REPORT = "systems.view_changes", "systems.report_change"
DEPLOY: dict[str, Any] = {
    "id": "build-17", "kind": "deploy", "what": "1.5.0", "component": "web-1", "before": "1.4.2", "after": "1.5.0",
}  # fmt: skip


@pytest.fixture
def ci() -> Api:
    return Api(person("ci", SEE, REPORT), SEE, REPORT)


def test_a_deploy_is_kept_once_and_audited(ci: Api, row: System):
    code, told = ci.call("post", "/api/changes", DEPLOY)
    assert (code, told["words"]) == (201, "1.5.0 of web-1 was deployed, after 1.4.2")
    assert (told["ref"], told["owner"], told["source"]) == ("build-17", "ci", "reported")
    assert ci.call("post", "/api/changes", DEPLOY) == (200, told)
    assert ChangeRow.objects.count() == AuditEntry.objects.filter(verb="change.reported").count() == 1
    code, again = ci.call("post", "/api/changes", DEPLOY | {"what": "1.6.0"})
    assert code == 409 and "build-17 was reported before" in again["detail"]
    assert ci.call("get", "/api/changes?component=web-1") == (200, [told])


def test_who_takes_changes_out_is_on_record_once_for_each_stretch(ci: Api) -> None:
    """One that asks every few seconds is one reader; more of the past, or of other parts, is another taking."""

    def taken() -> list[Any]:
        rows = AuditEntry.objects.filter(verb="changes.exported").order_by("seq")
        return [(r.actor, r.system, r.target, r.data["changes"]) for r in rows]

    assert ci.call("get", "/api/changes") == (200, [])
    assert taken() == [], "nothing was taken"
    ci.call("post", "/api/changes", DEPLOY)
    soon = (timezone.now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query in (
        f"component=web-1&since={soon}",
        f"component=web-1&since={soon}",
        "",
        "component=web-1",
        "",
    ):
        assert len(ci.call("get", f"/api/changes?{query}")[1]) == 1
    slug = System.objects.get().slug
    assert taken() == [("ci", slug, "web-1", 1), ("ci", slug, "", 1)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"system": "nowhere"}, "nowhere"),
        ({"component": "wb-1"}, "did you mean 'web-1'?"),
        ({"kind": "config"}, "deploy"),
        ({"id": ""}, "id"),
        ({"at": "2019-01-01T00:00:00Z"}, "older than is kept"),
        ({"at": "2999-01-01T00:00:00Z"}, "still to come"),
        ({"at": "2026-01-01T00:00:00"}, "zone"),
        ({"what": "x" * 301}, "what"),
        ({"at": (timezone.now() + timedelta(minutes=20)).isoformat()}, "still to come"),
        ({"until": (timezone.now() + timedelta(minutes=20)).isoformat()}, "until: that is still to come"),
        ({"compnent": "web-1", "titel": "x"}, "compnent"),
        ({"id": "build\u202e17"}, "not seen"),
        ({"until": "2020-01-01T00:00:00Z"}, "before it began"),
    ],
)
def test_what_cannot_be_taken_says_what_to_mend(ci: Api, change: dict[str, str], words: str):
    code, answer = ci.call("post", "/api/changes", DEPLOY | change)
    assert code in (404, 422) and words in answer["detail"]
    assert not ChangeRow.objects.exists()


def test_only_who_may(row: System):
    reader = Api(person("reader", SEE), SEE)
    assert reader.call("post", "/api/changes", DEPLOY)[0] == 403
    nobody = Api(person("nobody", REPORT), REPORT)
    assert nobody.call("get", "/api/changes")[0] == 403
    assert not ChangeRow.objects.exists()


def test_flags_commits_and_maintenance_without_secrets(ci: Api, row: System):
    soon = (timezone.now() + timedelta(hours=2)).isoformat()
    later = (timezone.now() + timedelta(hours=3)).isoformat()
    for body, words in (
        ({"kind": "flag", "what": "checkout", "before": "off", "after": "on"}, "changed from off to on"),
        ({"kind": "commit", "what": "4f2c1a", "title": "set password=hunter2000"}, "commit 4f2c1a of web-1"),
        (
            {"kind": "maintenance", "what": "vacuum", "at": soon, "until": later},
            "maintenance of web-1: vacuum",
        ),
        ({"kind": "maintenance", "what": "all of it", "component": ""}, "maintenance of"),
    ):
        code, told = ci.call("post", "/api/changes", {"id": words, "component": "web-1", **body})
        assert code == 201 and words in told["words"]
    assert "hunter2000" not in repr(list(ChangeRow.objects.values()))


def test_a_text_that_would_read_backwards_is_written_out(ci: Api, row: System):
    code, told = ci.call(
        "post", "/api/changes", DEPLOY | {"title": "safe \u202egnp.exe\x1b[2J", "owner": "\u2066ci"}
    )
    assert code == 201 and told["owner"] == "\\u2066ci" and "safe \\u202egnp.exe" in told["words"]
    assert not {"\u202e", "\u2066"} & set(told["words"] + told["owner"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/changes", "/api/stop", "/action/restart-service", "/api/incidents/1/resolve", "/api/incidents/1/merge",
        "/api/incidents/1/assign", "/api/incidents/1/severity", "/api/incidents/1/reopen",
    ],
)  # fmt: skip
def test_a_field_that_there_is_not_is_named(path: str, row: System):
    ci = Api(person("ci", REPORT), REPORT)
    code, answer = ci.call("post", path, {"minuets": 5})
    assert code == 422 and "minuets" in answer["detail"], answer
