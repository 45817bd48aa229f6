"""Shared by all tests: the slow ones run last in one and the same run; the append-only log can be emptied."""

from typing import Any

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations
from xdist.scheduler import LoadScopeScheduling

from incidents.memo import memo

AUDIT = "actions_auditentry"
_flush = DatabaseOperations.sql_flush


def sql_flush(self: DatabaseOperations, style: Any, tables: Any, **options: Any) -> list[str]:
    """The database refuses to truncate the audit log, which is what empties it between transactional tests."""
    statements = _flush(self, style, tables, **options)
    if AUDIT not in tables:
        return statements
    off = f"ALTER TABLE {AUDIT} DISABLE TRIGGER audit_no_truncate"
    on = f"ALTER TABLE {AUDIT} ENABLE ALWAYS TRIGGER audit_no_truncate"
    return [off, *statements, on]


DatabaseOperations.sql_flush = sql_flush


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    memo.forget()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


class ByKindOfSandbox(LoadScopeScheduling):
    """Each kind has a worker of its own, and its sandbox is made once."""

    def _split_scope(self, nodeid: str) -> str:
        given = nodeid.partition("[")[2].rstrip("]").split("-")
        return next((kind for kind in ("docker", "process") if kind in given), "none")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByKindOfSandbox | None:
    """xdist's own groups are of no use here: it puts their names in ids that pytest 9.2 no longer reads."""
    return ByKindOfSandbox(config, log) if config.getoption("dist") == "loadgroup" else None
