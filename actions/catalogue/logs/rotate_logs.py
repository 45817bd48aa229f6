"""Pack a service's log files away and empty them, on a volume that is (nearly) full or flooded."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.logs.globs import matching
from systems.services import LoadedSystem

KEEP = 20  # archives per service


class RotateLogs(Action[NoParams]):
    slug = "rotate-logs"
    title = "Rotate and compress logs"
    risk = Risk.LOW
    groups = True
    aliases = ("rotate-compress-logs",)

    def targets(self, system: LoadedSystem) -> list[str]:
        own = [n for n, s in system.services.items() if s.logs or s.volumes]
        return [g for g, names in system.graph.groups.items() if set(names) <= set(own)] + own

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"logs:{n}" for n in ctx.members)

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        if not _files(ctx):
            raise ActionRefused(f"{ctx.target} has no log file with anything in it")

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        return Preview(
            "; ".join(f"gzip {f.name} to the archive, then truncate it" for f in _files(ctx)),
            [f"{f.name}: {f.stat().st_size / 1e6:.1f} MB -> 0" for f in _files(ctx)],
            ctx.members,
            "Cannot be undone: the files are not put back; the packed copies stay in the portal's log archive.",
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"sizes": {str(f): f.stat().st_size for f in _files(ctx)}}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        folder = Path(settings.OPSPORTAL_DATA) / "log-archive" / ctx.system.slug / ctx.target
        folder.mkdir(parents=True, exist_ok=True)
        freed, count = 0, 0
        for file in _files(ctx):
            target = folder / f"{file.name}.{int(time.time() * 1000)}.gz"
            with file.open("rb") as source, gzip.open(target, "wb", 3) as packed:
                shutil.copyfileobj(source, packed, 1 << 20)
                freed += source.tell()
            ctx.guard()
            os.truncate(file, 0)
            count += 1
        for old in sorted(folder.glob("*.gz"), key=lambda f: f.stat().st_mtime)[:-KEEP]:
            old.unlink(missing_ok=True)
        return Result(True, f"{count} files packed away, {freed / 1e6:.1f} MB freed", {"bytes": freed})

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        before = (ctx.undo or {}).get("sizes", {})
        smaller = [Path(f).exists() and Path(f).stat().st_size < size for f, size in before.items()]
        return "applied" if smaller and all(smaller) else "not_applied"


def _files(ctx: ActionContext) -> list[Path]:
    """Non-empty log files: the declared ones, and *.log below the declared volumes. No links, nothing outside."""
    found: dict[Path, None] = {}
    for name in ctx.members:
        service = ctx.system.service(name)
        found |= dict.fromkeys(f for spec in service.logs for f in matching(ctx.system.path(spec.file)))
        for volume in service.volumes:
            found |= dict.fromkeys(sorted(ctx.system.path(volume.path).glob("**/*.log*")))
    return [
        f for f in found if f.is_file() and not f.is_symlink() and f.suffix != ".gz" and f.stat().st_size > 0
    ]
