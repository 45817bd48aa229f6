"""The database is told to load a library that is not installed, and dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT = "postgres"
LINE = "shared_preload_libraries = 'pg_stat_statements'"


class DbCrashLoop(Fault):
    id = "db_crash_loop"
    title = "Database crash loop"
    category = "database"
    targets = (UNIT,)
    description = (
        "A tuning file asks for a library that is not there. The database can't start on it any more."
    )
    blast_radius = "the whole shop: every page and order"
    reverts = "takes the line out and starts the database"
    expected = Expected((UNIT,), ("config_changed", "config_corrupt", "crash_loop"))
    culprits = ((UNIT, "shared_preload_libraries"),)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        with site.superuser() as db:
            row = db.execute(
                "SELECT sourcefile FROM pg_file_settings WHERE name = 'deadlock_timeout' AND applied"
            ).fetchone()
        if row is None:
            raise FaultFailed("the database has no tuning file; reset the sandbox first")
        local = site.path("etc/postgres/tuning.conf")  # of containers: as it is seen from here
        path = local if local.exists() else Path(row[0])
        return {"path": str(path), "text": path.read_text()}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        path = Path(undo["path"])
        path.write_text(f"{undo['text']}{LINE}\n")  # into the same file: its owner stays
        with site.superuser() as db:
            db.execute("CHECKPOINT")  # as it does every few minutes: nothing that was said to be kept is lost
        site.hands.strike(UNIT, "QUIT")

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            Part("the database's tuning file", lambda: _put_back(undo)),
            Part("the database runs", lambda: site.start_if_dead(UNIT)),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return "the file still asks for it" if _asks(undo) else site.down((UNIT,))


def _asks(undo: Undo) -> bool:
    return LINE in Path(undo["path"]).read_text().splitlines()


def _put_back(undo: Undo) -> None:
    if _asks(undo):
        Path(undo["path"]).write_text(undo["text"])
