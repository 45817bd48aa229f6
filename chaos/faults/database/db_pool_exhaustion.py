"""A report job opens session after session as the shop's own role and gives none back."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

JOB = "report-export"
UNIT = "batch"


class DbPoolExhaustion(Fault):
    id = "db_pool_exhaustion"
    title = "Connection pool exhaustion"
    category = "database"
    targets = ("postgres", UNIT)
    description = (
        "A changed report job holds its database sessions idle until the role's connection limit is reached."
    )
    blast_radius = "whatever of the shop needs a new database connection"
    reverts = "puts the job's settings back, ends its run and its sessions"
    expected = Expected(("postgres", UNIT), ("connection_leak",))
    culprits = ((UNIT, JOB), ("postgres", JOB))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return _config.remember(site, (UNIT,))

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        edits = [("sessions_per_chunk", 4), ("close_sessions", False), ("chunks", 40), ("every_s", 5)]
        _config.put(site, [(UNIT, f"jobs.{JOB}.{key}", value) for key, value in edits])
        site.run_anew(JOB)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            *_config.restore(site, undo),
            Part(f"the run of {JOB} ends", lambda: site.job(JOB, "pause")),
            Part(f"the sessions of {JOB} end", lambda: _end_sessions(site)),
            Part(f"{JOB} is scheduled", lambda: site.job(JOB, "resume")),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.superuser() as db:
            row = db.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'idle'", [JOB]
            ).fetchone()
        held = int(row[0]) if row else 0
        return f"{JOB} holds {held} idle sessions" if held >= 3 else ""


def _end_sessions(site: Site) -> None:
    with site.superuser() as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [JOB]
        )
