"""Declared calls, against a real database, a real Redis and a real HTTP server."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from systems.declared.calls import CallFailed, CallUnknown, at_path, look, shown, tell
from systems.manifest.declared import Ask, Call
from systems.services import LoadedSystem
from tests.systems.helpers import make_system


@pytest.fixture
def address() -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, b'{"jobs": [{"name": "a/b", "state": "paused"}, {"name": "c", "state": "on"}]}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._say(
                500 if "fails" in self.path else 200,
                b'{"path": "%s", "got": %s}' % (self.path.encode(), body or b"null"),
            )

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def system(tmp_path: Path) -> LoadedSystem:
    return make_system(
        tmp_path,
        {
            "app": {"kind": "http"},
            "db": {"kind": "postgres", "postgres": {"dsn": os.environ["DATABASE_URL"]}},
            "cache": {"kind": "redis", "redis": {"url": os.environ["REDIS_URL"]}},
        },
    )


def test_an_answer_is_taken_by_its_path(system: LoadedSystem, address: str) -> None:
    app = system.service("app")
    assert look(system, app, Ask(http=f"{address}/jobs", path="jobs[].name")) == ["a/b", "c"]
    assert look(system, app, Ask(http=f"{address}/jobs", path="jobs.1.state")) == "on"
    with pytest.raises(CallFailed, match=r"nothing stands at 'jobs\.7\.state'"):
        look(system, app, Ask(http=f"{address}/jobs", path="jobs.7.state"))


def test_what_fills_a_blank_makes_one_thing_of_it(system: LoadedSystem, address: str) -> None:
    app, evil = system.service("app"), "a/b?x=1'; drop table t --"
    call = Call.model_validate(
        {"http": {"post": f"{address}/jobs/{{job}}/pause", "json": {"n": "{n}", "job": "x {job}"}}}
    )
    answer = tell(system, app, call, {"job": evil, "n": 3}).value
    assert answer["path"].count("/") == 3 and "?" not in answer["path"]
    assert answer["got"] == {"n": 3, "job": f"x {evil}"}
    sql = Call(sql="select {job}::text || '%' as told", on="db")
    assert look(system, app, Ask(sql=sql.sql, on="db"), {"job": evil}) == f"{evil}%"
    words = Call.model_validate({"redis": "SET {key} {job}", "on": "cache"})
    key = f"declared:{uuid.uuid4().hex}"
    tell(system, app, words, {"job": evil, "key": key})
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert client.get(key) == evil.encode()
        client.delete(key)
    with pytest.raises(CallFailed, match="nothing is known for key"):
        tell(system, app, words, {"job": evil})


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_no_value_makes_another_path_of_an_address(system: LoadedSystem, address: str, value: str) -> None:
    call = Call.model_validate({"http": {"post": f"{address}/jobs/{{job}}/pause"}})
    with pytest.raises(CallFailed, match="job would make another path"):
        tell(system, system.service("app"), call, {"job": value})
    query = Call.model_validate({"http": {"post": f"{address}/jobs/all?of={{job}}"}})
    assert tell(system, system.service("app"), query, {"job": value}).value["path"] == f"/jobs/all?of={value}"


def test_no_value_makes_a_header_an_option_or_a_second_statement(system: LoadedSystem, address: str) -> None:
    app = system.service("app")
    headed = Call.model_validate({"http": {"post": f"{address}/x", "headers": {"X-Job": "{job}"}}})
    for evil in ("a\r\nX-Other: b", "a\nb", "a\0b", "\ud800"):
        with pytest.raises(CallFailed) as failed:
            tell(system, app, headed, {"job": evil})
        assert not isinstance(failed.value, CallUnknown)  # nothing was sent
    assert tell(system, app, headed, {"job": "grüße"}).words == "200"
    with pytest.raises(CallFailed, match="read as an option"):
        tell(system, app, Call(exec=["tool", "{job}"]), {"job": "--all"})
    for two in ("select 1; select 2", "set transaction read write; create table declared_try (n int)"):
        with pytest.raises(CallFailed, match="multiple commands"):
            look(system, app, Ask(sql=two, on="db"))


def test_what_only_looks_cannot_write(system: LoadedSystem) -> None:
    app = system.service("app")
    with pytest.raises(CallFailed, match="read-only"):
        look(system, app, Ask(sql="create table declared_try (n int)", on="db"))
    with pytest.raises(CallFailed, match="no command that only looks"):
        look(system, app, Ask(redis=["SET", "declared", "1"], on="cache"))
    with pytest.raises(ValueError, match="only looks is a get"):
        Ask.model_validate({"http": {"post": "http://127.0.0.1/x"}})
    assert look(system, app, Ask(redis=["EXISTS", "declared"], on="cache")) == 0


def test_a_failure_says_what_failed(system: LoadedSystem, address: str) -> None:
    app = system.service("app")
    with pytest.raises(CallFailed, match="answered 500"):
        tell(system, app, Call.model_validate({"http": {"post": f"{address}/fails"}}))
    with pytest.raises(CallFailed, match="app is no database"):
        look(system, app, Ask(sql="select 1"))
    with pytest.raises(CallFailed, match='"nowhere" does not exist'):
        look(system, app, Ask(sql="select * from nowhere", on="db"))


def test_who_never_heard_of_it_is_told_from_who_did_not_answer(system: LoadedSystem, address: str) -> None:
    """The first may be asked again; of the second nobody knows."""
    app, key = system.service("app"), f"declared:{uuid.uuid4().hex}"

    def outcome(**call: object) -> type[CallFailed]:
        with pytest.raises(CallFailed) as failed:
            tell(system, app, Call.model_validate(call), {})
        return type(failed.value)

    gone = "http://127.0.0.1:1/x"
    assert outcome(http={"post": gone}) is CallFailed
    assert outcome(http={"post": f"{address}/fails"}) is CallUnknown
    assert outcome(http={"post": f"{address}/x", "expect": [202]}) is CallUnknown
    assert outcome(http={"put": f"{address}/x"}) is CallUnknown  # 501 of a server that knows no PUT
    assert outcome(sql="select pg_terminate_backend(pg_backend_pid())", on="db") is CallUnknown
    assert outcome(sql="select 1/0", on="db") is CallFailed
    assert outcome(redis=["BLPOP", key, "5"], on="cache", timeout_s=0.2) is CallUnknown
    assert outcome(redis=["NOSUCH"], on="cache") is CallFailed


def test_messages_hold_no_login_and_no_query(system: LoadedSystem) -> None:
    call = Call.model_validate({"http": {"post": "http://me:hunter2@127.0.0.1:1/x?key=hunter3"}})
    with pytest.raises(CallFailed) as failed:
        tell(system, system.service("app"), call)
    assert "hunter" not in str(failed.value) and "POST http://127.0.0.1:1/x" in str(failed.value)


def test_a_call_is_shown_as_it_is_made() -> None:
    call = Call.model_validate({"exec": ["tool", "--job={job}"]})
    assert shown(call, {"job": "a b"}) == "tool --job=a b"
    assert shown(Call(sql="update t set n = {n}"), {"n": 3}) == "update t set n = 3"
    assert shown(Call(sql="update t set n = {n}"), {"n": "it's"}) == "update t set n = 'it''s'"
    assert shown(Call(sql="update t set n = {before}"), {}) == "update t set n = {before}"


def test_paths() -> None:
    assert at_path([{"n": 1}, {"n": 2}], "[].n") == [1, 2]
    assert at_path({"a": {"b": [3]}}, "a.b.0") == 3
    assert at_path(7, "") == 7


@pytest.mark.parametrize(
    "wrong",
    [{}, {"sql": "select 1", "exec": ["x"]}, {"exec": []}, {"http": {}}, {"sql": "select 1", "els": 1}],
)
def test_a_call_is_exactly_one_thing(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Call.model_validate(wrong)


def test_one_statement_it_is_and_no_more_rows_than_are_used(system: LoadedSystem) -> None:
    app = system.service("app")
    with pytest.raises(CallFailed, match="multiple commands"):
        look(system, app, Ask(sql="set transaction_read_only = off; create table tried (n int)", on="db"))
    assert len(look(system, app, Ask(sql="select generate_series(1, 100000) as n", on="db"))) == 500


def test_what_cannot_be_taken_apart_is_not_quoted(tmp_path: Path) -> None:
    dsn, url = "host=x hush-hush-word", "hush-hush-word"
    odd = make_system(
        tmp_path,
        {
            "db": {"kind": "postgres", "postgres": {"dsn": dsn}},
            "cache": {"kind": "redis", "redis": {"url": url}},
        },
    )
    for name, ask in (("db", Ask(sql="select 1")), ("cache", Ask(redis=["PING"]))):
        with pytest.raises(CallFailed, match="cannot be taken apart") as caught:
            look(odd, odd.service(name), ask)
        assert "hush" not in str(caught.value)


def test_a_redirect_is_no_answer_to_a_question(system: LoadedSystem) -> None:
    class Away(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "/login")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Away) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(CallFailed, match="answered 302"):
            look(
                system,
                system.service("app"),
                Ask.model_validate({"http": f"http://127.0.0.1:{server.server_port}/"}),
            )
        server.shutdown()
