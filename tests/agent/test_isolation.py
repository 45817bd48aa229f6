"""The agent is walled off from the injector's records: by imports, by the words of its code, and by its SQL."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from chaos.registry import FAULTS
from incidents.signals import CATALOG
from tests.agent.world import World, finding, path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent", "actions", "knowledge", "incidents", "systems")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (f for f in (ROOT / package).rglob("*.py") if "migrations" not in f.parts)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            yield from (str(a.value) for a in node.args if isinstance(a, ast.Constant))


def test_nothing_below_imports_chaos_or_the_sandbox():
    files = list(sources())
    assert len(files) > 100
    for file in files:
        roots = {name.split(".")[0] for name in imported(ast.parse(file.read_text()))}
        assert not roots & {"chaos", "sandbox"}, file


def test_no_code_below_names_the_injector_s_tables_files_or_faults():
    """Fault ids are the answer key; a cause may share a plain word with one, an id may not stand in the code."""
    words = ["chaos_", "chaos-journal", "site.json", *(f for f in FAULTS if f.count("_") >= 2)]
    for file in sources():
        strings = [n.value for n in ast.walk(ast.parse(file.read_text())) if _is_text(n)]
        for word in words:
            assert not any(word in text for text in strings), f"{file}: {word}"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


# What a trouble is called by everybody, be it put in or not.
EVERYBODYS = {
    "cache_miss_storm",
    "crash_loop",
    "disk_full",
    "env_missing",
    "queue_backlog",
    "thread_starvation",
}


def test_no_runbook_is_named_after_a_fault_or_names_the_injector():
    for file in (ROOT / "knowledge" / "seed").glob("*.md"):
        text = file.read_text().lower()
        assert file.stem not in FAULTS.keys() - EVERYBODYS
        words = ("chaos", "inject", *FAULTS.keys() - CATALOG.keys() - EVERYBODYS)
        assert not [w for w in words if w in text], file


@pytest.mark.parametrize("end", ["recovered", "handed_over"])
def test_a_whole_run_touches_no_table_of_the_injector(world: World, end: str):
    tables = [m._meta.db_table for m in apps.get_app_config("chaos").get_models()]
    assert tables
    seen: list[str] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: end == "recovered" and "mend@web" in effects
    incident = world.open()
    with connection.execute_wrapper(record):
        run = world.drive(world.start(incident))
    assert run.outcome == end
    assert len(seen) > 50
    assert not [sql for sql in seen if any(table in sql for table in tables)]
