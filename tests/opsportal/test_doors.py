"""Who comes in where: every route by every role, roles that are made once, and the page of people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import path as route_of

from actions.models import AuditEntry
from opsportal import tokens
from opsportal.doors import making, matrix
from opsportal.doors.roles import ADMIN, ROLES, rights
from systems.doors import LOGS, VIEW, needs
from tests.pages import make_incident, make_system, rights_are_there

pytestmark = pytest.mark.django_db
NAMES = [role.name for role in ROLES]
PEOPLE = "/settings/people/"


@pytest.fixture(autouse=True)
def _there(db: None) -> None:
    rights_are_there()
    making.make()


def someone(role: str = "", name: str = "vera") -> User:
    user = User.objects.create_user(name, password="a-long-one-9")
    if role:
        user.groups.set([Group.objects.get(name=role)])
    return user


def as_(role: str, name: str = "vera") -> Client:
    client = Client()
    client.force_login(someone(role, name))
    return client


def filled(path: str) -> str:
    path = path.replace("(?P<form>csv|jsonl)", "csv")
    path = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", path)
    return re.sub(r"<(slug|str):\w+>", "some", re.sub(r"<int:\w+>", "1", path))


def test_the_table_in_the_docs_is_what_the_routes_say() -> None:
    written = Path(__file__).parents[2] / "docs/roles.md"
    assert written.read_text() == matrix.text(), "python -m opsportal.doors.matrix > docs/roles.md"


@pytest.mark.parametrize("role", ["", *NAMES])
def test_each_role_comes_in_where_the_table_says_and_nowhere_else(role: str) -> None:
    client = as_(role)
    for route in matrix.routes():
        if route.rule is None:
            continue
        path = filled(route.path)
        for seen, may in (
            (client.get(path).status_code, bool(role) and route.lets_in(role)),
            (client.post(path).status_code, bool(role) and route.lets_in(role, post=True)),
        ):
            assert seen != 403 if may else seen in (403, 405), (route.path, seen)


def test_nobody_comes_in_without_a_login(client: Client) -> None:
    for route in matrix.routes():
        if route.rule is not None:
            path = filled(route.path)
            assert {client.get(path).status_code, client.post(path).status_code} <= {302, 405}, path


def test_a_new_route_without_a_rule_is_shut_and_fails_the_table(settings: Any) -> None:
    from opsportal import portal_urls

    def careless(request: Any) -> Any:
        raise AssertionError("it was let in")

    settings.ROOT_URLCONF = "opsportal.urls"
    new = route_of("careless/", careless, name="careless")
    portal_urls.urlpatterns.append(new)
    try:
        from django.urls import clear_url_caches

        clear_url_caches()
        client = Client()
        client.force_login(User.objects.create_superuser("mira"))
        assert client.get("/careless/").status_code == 403
        with pytest.raises(ValueError, match="/careless/"):
            matrix.routes()
    finally:
        portal_urls.urlpatterns.remove(new)
        clear_url_caches()


def test_a_right_has_to_be_named() -> None:
    with pytest.raises(ValueError, match="name a right"):
        needs()


def test_who_has_no_role_is_told_whom_to_ask_and_sees_nothing_else(tmp_path: Path) -> None:
    make_incident(make_system(tmp_path), title="web is slow")
    User.objects.create_superuser("mira")
    someone(ADMIN, "adam")
    answer = as_("").get("/")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "no role here yet" in page and "mira" in page and "adam" in page
    assert "web is slow" not in page and "<nav" not in page
    assert "mira" not in as_("viewer", "otto").get(PEOPLE).content.decode(), (
        "whoever may look is told what is lacking"
    )


def test_logs_have_a_right_of_their_own(tmp_path: Path) -> None:
    incident = make_incident(make_system(tmp_path))
    where = f"/incidents/{incident.number}/"
    assert LOGS in rights("responder") and LOGS not in rights("viewer")
    viewer, responder = as_("viewer"), as_("responder", "rita")
    assert f'"{where}log"' not in viewer.get(where).content.decode()
    assert f'"{where}log"' in responder.get(where).content.decode()
    assert viewer.get(f"{where}log").status_code == 403
    assert responder.get(f"{where}log").status_code == 200


def test_roles_are_made_once_and_are_an_administrators_from_then_on() -> None:
    assert making.make() == []
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.clear()
    assert making.make() == [] and not viewer.permissions.exists()
    Group.objects.get(name="approver").delete()
    assert making.make() == ["approver"]
    found = {
        f"{p.content_type.app_label}.{p.codename}"
        for p in Group.objects.get(name="approver").permissions.all()
    }
    assert found == rights("approver")


def test_who_was_there_before_there_were_roles_may_still_look() -> None:
    Group.objects.all().delete()
    before, boss = someone(), User.objects.create_superuser("mira")
    making.make()
    assert [g.name for g in before.groups.all()] == ["viewer"] and not boss.groups.exists()
    assert User.objects.get(pk=before.pk).has_perm(VIEW)


# --- the page of people


def test_an_administrator_makes_an_account_with_a_role() -> None:
    admin = as_(ADMIN, "adam")
    group = Group.objects.get(name="responder")
    bad = admin.post(f"{PEOPLE}new/", {"username": "rita", "password": "short", "roles": [group.pk]})
    assert bad.status_code == 422 and "too short" in bad.content.decode()
    assert not User.objects.filter(username="rita").exists()
    made = admin.post(f"{PEOPLE}new/", {"username": "rita", "password": "nine-lives-8", "roles": [group.pk]})
    assert made.status_code == 302
    rita = User.objects.get(username="rita")
    assert rita.check_password("nine-lives-8") and rita.has_perm("actions.run_action") and not rita.is_staff
    again = admin.post(f"{PEOPLE}new/", {"username": "Rita", "password": "nine-lives-8"})
    assert again.status_code == 422 and "already" in again.content.decode()
    row = AuditEntry.objects.get(verb="user.made")
    assert (row.actor, row.target, row.data) == ("adam", "rita", {"roles": ["responder"]})


def test_roles_are_given_and_taken_and_written_down() -> None:
    admin, rita = as_(ADMIN, "adam"), someone("responder", "rita")
    viewer = Group.objects.get(name="viewer")
    admin.post(f"{PEOPLE}{rita.pk}/", {"roles": [viewer.pk]})
    assert [g.name for g in rita.groups.all()] == ["viewer"]
    row = AuditEntry.objects.get(verb="user.roles")
    assert row.data == {"before": ["responder"], "after": ["viewer"]}
    inside = Client()
    inside.force_login(rita)
    assert inside.get("/").status_code == 200
    admin.post(f"{PEOPLE}{rita.pk}/", {"do": "shut_out"})
    assert inside.get("/").status_code == 302, "the session is no good any more"
    admin.post(f"{PEOPLE}{rita.pk}/", {"do": "let_in"})
    assert AuditEntry.objects.filter(verb__in=["user.shut_out", "user.let_in"], target="rita").count() == 2


def test_nobody_changes_themselves_or_who_may_do_everything() -> None:
    admin = as_(ADMIN, "adam")
    adam, boss = User.objects.get(username="adam"), User.objects.create_superuser("mira")
    for user in (adam, boss):
        admin.post(f"{PEOPLE}{user.pk}/", {"do": "shut_out"})
        admin.post(f"{PEOPLE}{user.pk}/", {"roles": []})
    adam.refresh_from_db()
    boss.refresh_from_db()
    assert adam.is_active and boss.is_active and adam.groups.get().name == ADMIN
    assert as_("viewer").post(f"{PEOPLE}{adam.pk}/", {"do": "shut_out"}).status_code == 403


# --- the interface for programs


def test_each_operation_asks_for_a_right_of_the_token(client: Client) -> None:
    text, _ = tokens.create(someone(), "none", [])
    described = client.get("/api/openapi.json").json()
    tried = 0
    for path, operations in described["paths"].items():
        where = re.sub(r"\{(request_id|uuid)\}", "00000000-0000-0000-0000-000000000000", path)
        where = re.sub(r"\{number\}", "1", re.sub(r"\{(slug|fault)\}", "some", where))
        assert "{" not in where, path
        for method in operations:
            given = {"data": "{}", "content_type": "application/json"}
            answer = client.generic(
                method.upper(), where, **given, headers={"Authorization": f"Bearer {text}"}
            )
            assert answer.status_code in ((403,) if method == "get" else (403, 422)), (method, path)
            bare = client.generic(method.upper(), where, **given)
            assert bare.status_code == 401, (method, path)
            tried += 1
    assert tried > 20
