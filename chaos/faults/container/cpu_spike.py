"""A picture job chews on one title with a pattern that backtracks without end."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

JOB = "thumb-render"
UNIT = "batch"
PATTERN = r"^(([\w.,'&-]+)\s?)*$"
TITLE = "Linen tablecloth with hand embroidered border and matching napkins (limited edition)"


class CpuSpike(Fault):
    id = "cpu_spike"
    title = "CPU spike"
    category = "container"
    targets = (UNIT,)
    description = "A new caption pattern and a long product title: one job burns a whole core and never ends."
    blast_radius = "everything on the machine gets slower"
    reverts = "puts pattern and title back and ends the job"
    expected = Expected((UNIT,), ("runaway",))
    culprits = ((UNIT, JOB),)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        with site.superuser() as db:
            row = db.execute("SELECT id, title FROM shop.products ORDER BY id LIMIT 1").fetchone()
        if row is None:
            raise FaultFailed("the shop has no products; reset the sandbox first")
        return {**_config.remember(site, (UNIT,)), "product": row[0], "title": row[1]}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.superuser() as db:
            sql = "UPDATE shop.products SET title = %s, updated_at = now() WHERE id = %s"
            db.execute(sql, [TITLE, undo["product"]])
        _config.put(
            site, [(UNIT, f"jobs.{JOB}.caption_pattern", PATTERN), (UNIT, f"jobs.{JOB}.every_s", 300)]
        )
        site.job(JOB, "pause")
        site.job(JOB, "resume")
        site.run_anew(JOB)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            *_config.restore(site, undo),
            Part("the product's title", lambda: _put_back(site, undo)),
            Part(f"the run of {JOB} ends", lambda: site.job(JOB, "pause")),
            Part(f"{JOB} is scheduled", lambda: site.job(JOB, "resume")),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        hot = site.hands.busy_children(UNIT, 20.0)
        return f"burning a core: {', '.join(hot)}" if hot else ""


def _put_back(site: Site, undo: Undo) -> None:
    with site.superuser() as db:
        db.execute("UPDATE shop.products SET title = %s WHERE id = %s", [undo["title"], undo["product"]])
