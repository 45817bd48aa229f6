"""A sandbox under other names, running: everything that can be put into the plain one can be put into it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import injector
from chaos.decoys.registry import DECOYS
from chaos.faults.base import FaultFailed
from chaos.journal import Journal
from chaos.registry import FAULTS
from chaos.site import Site
from chaos.unknown.registry import UNKNOWN
from opsportal.local.binaries import postgres_bin, redis_server
from sandbox.build.prepare import load, prepare
from tests.chaos.sandbox import Sandbox, wait_until
from tests.sandbox.conftest import Running, free_base, wait_for

pytestmark = [pytest.mark.slow]

SHOWS_WITHIN_S = 15.0
# a job's own sessions, the front door's settings, a line, keys of the cache
PUT_IN = ("db_pool_exhaustion", "lb_misrouting", "net_outage", "cache_poisoning")


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    root = tmp_path_factory.mktemp("site")
    prepare(root, free_base(), postgres_bin(), redis_server(), names_seed=5)
    found = load(root)
    assert found is not None and not found.layout.names.plain
    running = Running(found)
    running.start()
    try:
        wait_for(lambda: running.complete() or None, 90)
        yield Sandbox(root)
    finally:
        running.stop()
        shutil.rmtree(found.layout.short, ignore_errors=True)


def test_customers_do_what_they_do_in_the_plain_one(renamed: Sandbox):
    renamed.wait_healthy()
    assert "postgres" in renamed.site.hands.units()  # by its role
    assert "postgres" not in renamed.loaded.services


def test_whatever_is_put_in_finds_what_it_changes(renamed: Sandbox):
    site, missing = renamed.site, {}
    wait_until(lambda: _visited(site), SHOWS_WITHIN_S, lambda: "nobody comes")
    for made in (*FAULTS.values(), *UNKNOWN.values(), *DECOYS.values()):
        for seed in (1, 2, 3):
            try:
                undo = made.prepare(site, {"seed": seed})
                if made.id not in ("third_party_outage",):
                    made.still_broken(site, undo)
            except FaultFailed as error:
                missing[made.id] = f"{error}"
    # tools that this machine may lack, and what only root may do
    assert all("installed" in why or "root" in why or "network" in why for why in missing.values()), missing


@pytest.mark.parametrize("name", PUT_IN)
def test_a_fault_goes_in_and_out(renamed: Sandbox, name: str, tmp_path: Path):
    site, journal = Site.load(renamed.folder), Journal(tmp_path / "journal")
    entry = injector.arm(journal, site, name, {"seed": 1}, None, "1")
    fault = FAULTS[name]
    injector.inject(journal, "1")
    try:
        wait_until(
            lambda: bool(fault.still_broken(site, entry.undo)), SHOWS_WITHIN_S, lambda: f"{name} never showed"
        )
    finally:
        injector.revert(journal, "1", "test")
    wait_until(
        lambda: not fault.still_broken(site, entry.undo), SHOWS_WITHIN_S,
        lambda: fault.still_broken(site, entry.undo),
    )  # fmt: skip


def _visited(site: Site) -> bool:
    """Somebody has ordered, and somebody has a session: what some faults need to be there."""
    with site.superuser() as db, site.redis() as redis:
        ordered = db.execute("SELECT max(id) FROM shop.orders").fetchone()
        return ordered != (None,) and any(redis.scan_iter("sess:*", count=500))
