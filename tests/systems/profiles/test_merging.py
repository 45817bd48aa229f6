"""What a manifest makes of a profile: what it says itself wins, and mistakes are named with their line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from systems.manifest import ManifestError, Service, parse_manifest
from systems.redact import for_system
from systems.services import LoadedSystem, from_manifest
from tests.systems.helpers import closed_port, make_system

OK, STORE = {"profile": "nginx", "address": "h"}, {"profile": "redis", "address": "h"}
DOCKER = {"driver": "docker", "project": "p"}


def edge(runtime: dict[str, Any] | None = None, **service: Any) -> Service:
    spec = {"profile": "nginx", "address": "127.0.0.1:8080", **service}
    given = {"system": "s", "runtime": runtime or {"driver": "fake"}, "services": {"edge": spec}}
    return parse_manifest(json.dumps(given)).services["edge"]


def test_a_profile_and_an_address_are_all_that_is_written() -> None:
    found = edge()
    assert (found.kind, found.tcp, found.unit) == ("proxy", "127.0.0.1:8080", "edge")
    assert {r.name for r in found.readings} >= {"connections", "dropped", "requests", "config-test"}
    assert {a.name for a in found.actions} == {"reload", "test-config"} and found.words
    (status,) = {r.http.url for r in found.readings if r.http}
    assert status == "http://127.0.0.1:8080/nginx_status"
    assert found.state is not None and "/etc/nginx/nginx.conf" in found.state.files
    assert [log.file for log in found.logs] == ["/var/log/nginx/error.log", "/var/log/nginx/access.log"]


@pytest.mark.parametrize(
    ("address", "tcp", "url"),
    [
        ("edge", "edge:80", "http://edge:80"),
        ("edge:81", "edge:81", "http://edge:81"),
        ("[fd00::10]:81", "[fd00::10]:81", "http://[fd00::10]:81"),
        ("https://edge.example", "edge.example:443", "https://edge.example"),
        ("https://[fd00::10]:8443/", "[fd00::10]:8443", "https://[fd00::10]:8443"),
        ("http://edge:81/base", "edge:81", "http://edge:81/base"),
    ],
)
def test_an_address_is_a_host_or_a_port_with_it_or_a_url(address: str, tcp: str, url: str) -> None:
    found = edge(address=address)
    assert found.tcp == tcp
    assert {r.http.url for r in found.readings if r.http} == {f"{url}/nginx_status"}


def test_stores_take_an_address_with_its_login() -> None:
    services = {
        "db": {"profile": "postgresql", "address": "postgresql://a:b%2F@h/d"},
        "two": {"profile": "postgres", "address": "postgresql://a:b@h1:1,h2:2/d"},
        "plain": {"profile": "postgres", "address": "h"},
        "cache": {"profile": "valkey", "address": "rediss://:x@h/3"},
        "file": {"profile": "redis", "address": "unix:///run/redis.sock"},
        "mine": {"profile": "postgres", "postgres": {"dsn": "host=h dbname=d", "schema": "shop"}},
    }
    found = parse_manifest(
        json.dumps({"system": "s", "runtime": {"driver": "none"}, "services": services})
    ).services
    dsns = {
        name: s.postgres.dsn if s.postgres else s.redis.url if s.redis else "" for name, s in found.items()
    }
    assert dsns == {
        "db": "postgresql://a:b%2F@h/d", "two": "postgresql://a:b@h1:1,h2:2/d", "plain": "postgresql://h:5432/postgres",
        "cache": "rediss://:x@h/3", "file": "unix:///run/redis.sock", "mine": "host=h dbname=d",
    }  # fmt: skip
    assert found["mine"].kind == "postgres" and found["mine"].postgres
    assert found["mine"].postgres.db_schema == "shop" and len(found["mine"].readings) > 5


def test_what_the_manifest_says_wins() -> None:
    found = edge(
        kind="http",
        tcp=None,
        logs=[],
        state={"owner": "gitops"},
        readings=[
            {"name": "dropped", "above": 5, "severity": "low"},
            {"name": "busy", "below": 1},
            {"name": "requests", "http": "http://h/other"},
            {"name": "mine", "http": "http://h/mine"},
        ],
        words=[{"name": "limiting", "opens": True}, {"name": "connections", "pattern": "xx"}],
        actions=[{"name": "reload", "title": "Ours", "do": {"exec": "ours"}}],
    )
    readings = {r.name: r for r in found.readings}
    assert (found.kind, found.tcp, found.logs) == ("http", None, [])
    assert found.state is not None and (found.state.owner, bool(found.state.files)) == ("gitops", True)
    assert (readings["dropped"].above, readings["dropped"].severity, readings["dropped"].rate) == (
        5,
        "low",
        True,
    )
    assert readings["busy"].judgements() == ["below"] and readings["busy"].find
    assert readings["requests"].find is None and not readings["requests"].rate, (
        "what it asks itself stands alone"
    )
    assert [r.name for r in found.readings][:4] == ["dropped", "busy", "requests", "mine"]
    words = {w.name: w for w in found.words}
    assert words["limiting"].opens and "limiting" in words["limiting"].pattern
    assert "connections" not in readings, "one name has one meaning in a service"
    (reload,) = [a for a in found.actions if a.name == "reload"]
    assert (reload.title, reload.do[0].exec, len(reload.do)) == ("Ours", ["ours"], 1)


def test_what_is_not_wanted_is_left_out() -> None:
    found = edge(without=["dropped", "limiting", "reload"])
    names = {item.name for item in (*found.readings, *found.words, *found.actions)}
    assert names.isdisjoint({"dropped", "limiting", "reload"}) and "busy" in names


def test_settings_are_otherwise_here_or_none() -> None:
    given = {
        "status": "http://127.0.0.1:8081/basic", "command": "/opt/nginx", "includes": "/opt/conf.d", "access_log": None,
    }  # fmt: skip
    found = edge(**{"with": given})
    assert {r.http.url for r in found.readings if r.http} == {"http://127.0.0.1:8081/basic"}
    assert next(r for r in found.readings if r.exec).exec == [
        "/opt/nginx",
        "-t",
        "-c",
        "/etc/nginx/nginx.conf",
    ]
    assert found.state is not None and found.state.files == ["/etc/nginx/nginx.conf", "/opt/conf.d"]
    assert [log.file for log in found.logs] == ["/var/log/nginx/error.log"]
    none = edge(**{"with": {"status": None, "conf": None, "includes": None}})
    assert (none.readings, none.actions, none.state) == ([], [], None)
    number = {"profile": "redis", "address": "h", "with": {"silent_s": 7}}
    cache = parse_manifest(json.dumps({"system": "s", "services": {"c": number}})).services["c"]
    assert next(r for r in cache.readings if r.name == "primary-silent").above == 7


def test_files_are_those_of_this_machine_alone() -> None:
    far = edge(address="edge.example", unit=None)
    assert (far.logs, far.state) == ([], None)
    named = edge(address="edge.example", unit=None, **{"with": {"error_log": "/mnt/error.log"}})
    assert [log.file for log in named.logs] == ["/mnt/error.log"]
    inside = edge(DOCKER, unit="edge")
    assert (inside.logs, inside.state) == ([], None) and inside.actions, "its files are in the container"
    watched = edge({"driver": "none"})
    assert (
        watched.logs and watched.state and not watched.actions and not any(r.exec for r in watched.readings)
    )


@pytest.mark.parametrize(
    ("service", "path", "words"),
    [
        ({"profile": "nginxx"}, "profile", "unknown profile; did you mean 'nginx'?"),
        ({"profile": "Postgress"}, "profile", "did you mean 'postgres'?"),
        ({"profile": "zzz"}, "profile", "unknown profile; known: nginx, postgres"),
        ({"profile": 7}, "profile", "unknown profile"),
        ({"profile": "nginx"}, "address", "is missing: where it answers, such as edge.internal:80 (or say `tcp`"),
        ({"profile": "nginx", "address": "ftp://hush-hush"}, "address", "is host, host:port or a URL (http://, https://)"),
        ({"profile": "nginx", "address": "fd00::1"}, "address", "an IPv6 address stands in brackets"),
        ({"profile": "nginx", "address": "h:99999"}, "address", "is host, host:port or a URL"),
        ({"profile": "nginx", "address": 80}, "address", "is host, host:port or a URL"),
        ({"profile": "redis", "address": "redis://:hush-hush/x@h"}, "address", "are written as %XX"),
        (OK | {"with": {"config": "x"}}, "with.config", "no such setting; did you mean 'conf'?"),
        (OK | {"with": {"conf": ["x"]}}, "with.conf", "is a text, or null"),
        (OK | {"with": {"includes": [1]}}, "with.includes", "is a text or a list of texts"),
        (STORE | {"with": {"silent_s": "x"}}, "with.silent_s", "is a number"),
        (OK | {"with": "x"}, "with", "should be a valid dictionary"),
        (OK | {"without": "dropt"}, "without", "brings no 'dropt'; did you mean 'dropped'?"),
        ({"kind": "http", "address": "h"}, "address", "belongs to a `profile`"),
        ({"kind": "http", "with": {"a": 1}}, "with", "belongs to a `profile`"),
        (OK | {"readings": {"a": 1}}, "readings", "should be a valid list"),
        (OK | {"readings": [{"name": ["x"]}, 3]}, "readings.1", "valid dictionary"),
        (OK | {"readings": [{"name": "dropped", "abov": 5}]}, "readings.0.abov", "did you mean 'above'?"),
    ],
)  # fmt: skip
def test_mistakes_are_named(service: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(json.dumps({"system": "s", "services": {"edge": service}}, indent=1))
    told = [p for p in caught.value.problems if f": services.edge.{path}: " in p]
    assert told and words in told[0], caught.value.problems
    assert "hush" not in str(caught.value)


def test_a_mistake_is_told_at_its_line() -> None:
    text = "system: s\nservices:\n  edge:\n    profile: nginx\n    address: h\n    with:\n      cnf: x\n"
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text)
    assert caught.value.problems == [
        "manifest.yaml:7: services.edge.with.cnf: the profile nginx has no such setting; did you mean 'conf'?"
    ]


def test_what_looks_like_a_blank_in_a_password_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "x${conf}y")
    text = "system: s\nservices: {db: {profile: postgres, address: 'postgresql://a:${PW}@h/d'}}\n"
    found = parse_manifest(text).services["db"]
    assert found.postgres is not None and found.postgres.dsn == "postgresql://a:x${conf}y@h/d"
    assert "x${conf}y" not in repr(found)


def test_a_login_in_an_address_is_hidden(tmp_path: Path) -> None:
    cache = {"profile": "redis", "address": "redis://:kq93kfQpW0m@h/0"}
    system = make_system(tmp_path, {"cache": cache})
    assert "kq93kfQpW0m" not in repr(system.manifest)
    assert "kq93kfQpW0m" not in for_system(system).text("it says kq93kfQpW0m")


def registered(tmp_path: Path, **service: Any) -> tuple[LoadedSystem, str]:
    """What `register --check` says."""
    file = tmp_path / "manifest.yaml"
    spec = {"profile": "nginx", "unit": None, **service}
    file.write_text(json.dumps({"system": "s", "runtime": {"driver": "fake"}, "services": {"edge": spec}}))
    said = io.StringIO()
    with pytest.raises(CommandError):
        call_command("register_system", str(file), check=True, stdout=said)
    return from_manifest(file), " ".join(said.getvalue().split())


@pytest.mark.django_db
def test_a_check_says_what_came_from_the_profile_and_what_could_not_be_reached(tmp_path: Path) -> None:
    log = str(tmp_path / "none.log")
    _, said = registered(tmp_path, address=closed_port(), without=["busy"], **{"with": {"error_log": log}})
    assert (
        "edge: of its profile nginx: tcp; logs; state; readings connections, requests, dropped; words" in said
    )
    assert "edge: not wanted of its profile: busy" in said
    assert "left out of its profile: reading config-test: it runs a command, and there is no unit" in said
    assert "mind: edge: reading connections cannot be read now, so it is unknown" in said
    assert "location = /nginx_status { stub_status; allow 127.0.0.1; deny all; }" in said
    assert f"mind: edge: {log} is not there" in said


@pytest.mark.django_db
def test_a_check_says_which_setting_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    address = "redis://127.0.0.1:9/0"
    _, said = registered(tmp_path, profile="redis", address=address)
    if "/var/log/redis/*.log is not there" not in said:
        pytest.skip("there is such a log on this machine")
    assert "its profile looks there: `with: {log: PATH}` says where it is" in said
