"""The contract that every fault keeps of which no runbook tells, on a real sandbox: preparing touches nothing, it shows
within a minute where somebody notices, nothing gives it away, and putting it back leaves everything as it was."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chaos import injector
from chaos.journal import ACTIVE, REVERTED, Journal
from chaos.unknown.base import Drawn
from chaos.unknown.registry import UNKNOWN
from tests import sampling
from tests.chaos.sandbox import Sandbox, leaks, wait_until

SOME = sampling.part(list(UNKNOWN.values()), 32)  # of a run: two or three; OPS_SAMPLE=all takes all
SHOWS_WITHIN_S = 60.0
CATALOG = (
    "SELECT relname, relkind, relowner, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class"
    " WHERE relnamespace = 'shop'::regnamespace ORDER BY 1",
    "SELECT attrelid::regclass::text, attname, atttypid, attnotnull, attacl::text, pg_get_expr(adbin, adrelid)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef d ON d.adrelid = attrelid"
    " AND d.adnum = attnum WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' AND attnum > 0"
    " AND NOT attisdropped ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE connamespace = 'shop'::regnamespace"
    " ORDER BY 1, 2",
    "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "SELECT proname FROM pg_proc WHERE pronamespace = 'shop'::regnamespace ORDER BY 1",
    "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
    "SELECT seqrelid::regclass::text, seqmax, seqincrement FROM pg_sequence ORDER BY 1",
    "SELECT rolname, rolcanlogin, rolconnlimit, rolvaliduntil::text FROM pg_roles ORDER BY 1",
    "SELECT setdatabase, setrole, setconfig::text FROM pg_db_role_setting ORDER BY 1, 2",
    "SELECT datname, datconnlimit, datacl::text FROM pg_database ORDER BY 1",
    "SELECT sku, price::text FROM shop.products ORDER BY 1",
    "SELECT type, database, user_name, address, auth_method FROM pg_hba_file_rules",
)


def settled(sandbox: Sandbox) -> dict[str, Any]:
    """Whatever has a value that stays."""
    site = sandbox.site
    found = {k: v for k, v in sandbox.fingerprint().items() if k not in ("pids", "world")}
    found["modes"] = {str(f): f.stat().st_mode for f in (sandbox.folder / "etc").rglob("*")}
    found["limits"] = {unit: state["memory_limit_mb"] for unit, state in site.hands.units().items()}
    found["edges"] = {e: site.edge(e)["path"] for e in site.facts["wires"]}
    with site.superuser() as db:
        found["catalog"] = {query: db.execute(query).fetchall() for query in CATALOG}
    with site.redis() as redis:
        found["cache"] = (redis.config_get("*"), redis.acl_list(), redis.info("replication")["role"])
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    for entry in made.live():
        wait_until(partial(_taken_back, made, entry.id), 60, partial(made.read, entry.id))


def _taken_back(journal: Journal, entry_id: str) -> bool:
    try:
        return not injector.revert(journal, entry_id, "cleaning up").live
    except Exception:
        return False


def _noticed(sandbox: Sandbox, made: Drawn, undo: dict[str, Any]) -> bool:
    try:
        return bool(sandbox.wrong() or made.shows(sandbox.site, undo))
    except Exception:  # who measures may be kept out as well: that is no proof
        return False


def _over(sandbox: Sandbox, made: Drawn, undo: dict[str, Any]) -> bool:
    try:
        return not made.still_broken(sandbox.site, undo)
    except Exception:
        return False


def _states(sandbox: Sandbox) -> dict[str, str]:
    return {unit: state["state"] for unit, state in sandbox.site.hands.units().items()}


@pytest.mark.slow
@pytest.mark.twin
@pytest.mark.parametrize("sandbox", ["process"], indirect=True)
@pytest.mark.parametrize("made", SOME, ids=lambda made: made.id)
def test_it_shows_and_leaves_everything_as_it_was(sandbox: Sandbox, made: Drawn, journal: Journal) -> None:
    sandbox.wait_healthy()
    site, before = sandbox.site, settled(sandbox)
    undo = injector.arm(journal, site, made.id, {"seed": 1}, 300, "one").undo
    assert settled(sandbox) == before, "preparing touches nothing"
    assert made.still_broken(site, undo) == ""
    made.undo(site, undo)  # as after an injection that ended before it began
    assert settled(sandbox) == before
    try:
        assert injector.inject(journal, "one").status == ACTIVE
        wait_until(lambda: _noticed(sandbox, made, undo), SHOWS_WITHIN_S, lambda: f"{made.id} shows nowhere")
        if made.traceable:
            assert made.still_broken(site, undo)
        assert leaks(sandbox) == []
    finally:
        for _ in range(2):
            injector.revert(journal, "one", "test")
            made.undo(site, undo)
    assert journal.read("one").status == REVERTED
    sandbox.wait_healthy()
    wait_until(lambda: _over(sandbox, made, undo), 60, lambda: made.still_broken(site, undo))
    assert settled(sandbox) == before
    wait_until(lambda: set(_states(sandbox).values()) == {"RUNNING"}, 30, partial(_states, sandbox))
