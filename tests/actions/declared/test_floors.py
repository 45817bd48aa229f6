"""No declaration rates itself lower than what it calls."""

from __future__ import annotations

from typing import Any

import pytest

from actions.declared.floors import rated, widens
from systems.manifest.acting import ActionSpec
from systems.manifest.declared import Call

GET, POST = {"http": "http://h/x"}, {"http": {"post": "http://h/x"}}
DELETE = {"http": {"delete": "http://h/x"}}
FLOORS: list[tuple[dict[str, Any], str, str]] = [  # call, alone, with check and undo
    (GET, "low", "low"),
    (POST, "medium", "medium"),
    ({"http": {"put": "http://h/x"}}, "medium", "medium"),
    ({"http": {"patch": "http://h/x"}}, "medium", "medium"),
    (DELETE, "high", "medium"),
    ({"exec": "tool x"}, "high", "medium"),
    ({"exec": "nginx -t -c /etc/nginx/nginx.conf"}, "low", "low"),  # as its profile says
    ({"exec": "nginx -s reload -c /etc/nginx/nginx.conf"}, "medium", "medium"),
    ({"exec": "nginx -s stop -c /etc/nginx/nginx.conf"}, "high", "medium"),
    ({"redis": "BGSAVE"}, "medium", "medium"),
    ({"redis": "SAVE"}, "high", "high"),
    ({"redis": "SET a 1"}, "medium", "medium"),
    ({"redis": "LPUSH a 1"}, "medium", "medium"),
    ({"redis": "DEL a"}, "high", "medium"),
    ({"redis": "NEW.COMMAND a"}, "high", "medium"),
    ({"redis": "FLUSHALL"}, "high", "high"),
    ({"redis": "config set maxmemory 1"}, "high", "high"),
    ({"redis": "EVAL x 0"}, "high", "high"),
    ({"sql": "insert into t values ({n})"}, "medium", "medium"),
    ({"sql": "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2"}, "medium", "medium"),
    ({"sql": "update t set a = 1 where b = {n}"}, "medium", "medium"),
    ({"sql": "with x as (select 1) update t set a = 1 where b = 2"}, "medium", "medium"),
    ({"sql": "update t set a = 1"}, "high", "high"),
    ({"sql": "update t set a = 'where'"}, "high", "high"),
    ({"sql": "update t set a = 1 -- where"}, "high", "high"),
    ({"sql": "delete from t where a = {n}"}, "high", "medium"),
    ({"sql": "/* harmless */ DELETE FROM t WHERE a = 1"}, "high", "medium"),
    ({"sql": "with x as (delete from t where a = 1 returning *) insert into u select * from x"}, "high", "medium"),
    ({"sql": "delete from t"}, "high", "high"),
    ({"sql": "-- it's\ndelete from t; -- '"}, "high", "high"),
    ({"sql": "drop table t"}, "high", "high"),
    ({"sql": "truncate t"}, "high", "high"),
    ({"sql": "alter role a login"}, "high", "high"),
    ({"sql": "grant select on t to r"}, "high", "high"),
    ({"sql": "select purge_everything()"}, "high", "medium"),
    ({"sql": "select pg_terminate_backend(1)"}, "high", "high"),
    ({"sql": "insert into t select \"pg_terminate_backend\"(1)"}, "high", "high"),
    ({"sql": "do $$ begin drop table t; end $$"}, "high", "high"),
    ({"sql": "update t set a = E'\\' where '"}, "high", "high"),
    ({"sql": "refresh materialized view v"}, "medium", "medium"),
]  # fmt: skip


def spec(**more: Any) -> ActionSpec:
    return ActionSpec.model_validate({"name": "try-it", "title": "Try it", "risk": "low", **more})


@pytest.mark.parametrize(("call", "alone", "kept"), FLOORS, ids=[str(f[0]) for f in FLOORS])
def test_floor(call: dict[str, Any], alone: str, kept: str) -> None:
    assert rated(spec(do=call)) == alone
    with_both = {"check": {**GET, "is": 1}, "undo": GET}
    assert rated(spec(do=call, **with_both)) == kept
    assert rated(spec(do=call, check=with_both["check"])) == alone  # one of them is not enough
    assert rated(spec(do=call, undo=GET)) == alone
    assert rated(spec(do=[GET, call])) == alone  # the worst of them counts
    assert rated(spec(do=call, risk="high", **with_both)) == "high"  # higher is the author's right


def test_what_nobody_rated_is_high() -> None:
    assert rated(ActionSpec.model_validate({"name": "try-it", "title": "Try it", "do": GET})) == "high"


def test_an_undo_counts_too_but_for_taking_away_what_was_made() -> None:
    assert rated(spec(do=POST, undo=DELETE)) == "medium"
    assert rated(spec(do=GET, undo=POST)) == "medium"
    assert rated(spec(do=POST, undo={"sql": "drop table t"})) == "high"
    assert rated(spec(do=POST, undo={"exec": "rm -r x"})) == "high"


def test_what_lets_somebody_do_more_is_told() -> None:
    def does(**call: Any) -> bool:
        return widens([Call.model_validate(call)])

    assert does(sql="GRANT all on t to r") and does(sql="alter  role a superuser")
    assert does(redis="ACL SETUSER x on") and does(sql="create policy p on t")
    assert not does(sql="update grants set a = 'grant' where b = 1") and not does(exec="tool")
