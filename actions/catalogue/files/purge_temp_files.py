"""Remove temporary files that nobody cleaned up, from a service's volumes: old ones by name, never an open one."""

from __future__ import annotations

import os
import stat
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from incidents.plain import counted
from systems.machine.openfiles import OpenFiles, open_files
from systems.services import LoadedSystem

NAMES = ("*.tmp", "*.temp", "*.part", "*.partial", "*.crdownload")
OLD_S = 30.0  # whoever works with one has written to it, renamed it or has it open
GUARD_EVERY = 500


@dataclass(frozen=True, slots=True)
class Orphan:
    """`file`: (device, inode)."""

    path: Path
    file: tuple[int, int]
    size: int
    at: float


class PurgeTempFiles(Action[NoParams]):
    slug = "purge-temp-files"
    title = "Remove orphaned temporary files"
    risk = Risk.LOW
    groups = True
    aliases = ("purge-tmp-files",)
    can_lose = ("files",)

    def targets(self, system: LoadedSystem) -> list[str]:
        own = [n for n, s in system.services.items() if s.volumes]
        return [g for g, names in system.graph.groups.items() if set(names) <= set(own)] + own

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"files:{v.path}" for n in ctx.members for v in ctx.system.service(n).volumes)

    def raised_by(self, ctx: ActionContext, params: NoParams) -> tuple[Risk, str] | None:
        written = sum(o.size > 0 for o in _orphans(ctx))
        return (Risk.HIGH, f"{written} of them are not empty, and would be gone") if written else None

    def asks(self, ctx: ActionContext, params: NoParams) -> str:
        """Of other containers nobody sees what they have open."""
        return "" if _sees(ctx) else "whether somebody has them open cannot be seen from here"

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        if not _orphans(ctx):
            raise ActionRefused(f"{ctx.target} has no temporary file older than {OLD_S:.0f} s on its volumes")

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        found = _orphans(ctx)
        written = sum(o.size > 0 for o in found)
        return Preview(
            f"unlink {' '.join(NAMES)} older than {OLD_S:.0f} s and not open, below "
            + ", ".join(map(str, _folders(ctx))),
            _lines(found),
            ctx.members,
            "Cannot be undone: what is removed is gone.",
            loss={"files": written} if written else {},
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"before": time.time() - OLD_S}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        gone = written = 0
        for number, orphan in enumerate(_orphans(ctx)):
            if number % GUARD_EVERY == 0:
                ctx.guard()
                opened = open_files()
            if orphan.file in opened or not _is_still(orphan):
                continue
            orphan.path.unlink(missing_ok=True)
            gone += 1
            written += orphan.size > 0
        lost: dict[str, int | None] = {"files": written} if written else {}
        return Result(True, f"{counted(gone, 'files')} removed", {"files": gone}, lost)

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        before = (ctx.undo or {}).get("before", 0.0)
        return "not_applied" if any(o.at < before for o in _orphans(ctx)) else "applied"


def changed_at(info: os.stat_result) -> float:
    """When it was last written, renamed or given other rights."""
    return max(info.st_mtime, info.st_ctime)


def _sees(ctx: ActionContext) -> bool:
    return ctx.runtime.driver == "process" and open_files().seen


def _folders(ctx: ActionContext) -> list[Path]:
    paths = (ctx.system.path(v.path) for n in ctx.members for v in ctx.system.service(n).volumes)
    return list(dict.fromkeys(paths))


def _orphans(ctx: ActionContext) -> list[Orphan]:
    """The oldest first. No links are followed below a volume."""
    latest, opened = time.time() - OLD_S, open_files()
    found = [o for folder in _folders(ctx) for o in _temporary(folder, opened)]
    return sorted((o for o in found if o.at < latest), key=lambda o: o.at)


def _temporary(folder: Path, opened: OpenFiles) -> Iterator[Orphan]:
    for inside, _, names in os.walk(folder):
        for name in names:
            if not any(fnmatch(name.lower(), pattern) for pattern in NAMES):
                continue
            path = Path(inside) / name
            try:
                info = path.lstat()
            except OSError:
                continue
            file = (info.st_dev, info.st_ino)
            if stat.S_ISREG(info.st_mode) and file not in opened and info.st_uid not in opened.unseen:
                yield Orphan(path, file, info.st_size, changed_at(info))


def _is_still(orphan: Orphan) -> bool:
    try:
        info = orphan.path.lstat()
    except OSError:
        return False
    return (info.st_dev, info.st_ino) == orphan.file and changed_at(info) == orphan.at


def _lines(found: list[Orphan]) -> list[str]:
    """One for each folder: how many, how much, how old."""
    by_folder: dict[Path, list[Orphan]] = defaultdict(list)
    for orphan in found:
        by_folder[orphan.path.parent].append(orphan)
    now = time.time()
    return [
        f"{folder}: {counted(len(files), 'files')}, {sum(o.size for o in files)} bytes in all, such as "
        f"{files[0].path.name} ({now - files[0].at:.0f} s old)"
        for folder, files in by_folder.items()
    ]
