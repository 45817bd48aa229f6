"""Files: who may read them, where they went, what a link points to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from chaos.alterations import Touched
from chaos.faults.base import FaultFailed, Undo
from chaos.hands.base import UNSETTLED
from chaos.site import Site
from chaos.unknown.base import Drawn, Value, ask, run
from chaos.unknown.orders import take_up_again, waiting

SAVED_WITHIN_S = 8.0


def restart(site: Site, units: Iterable[str]) -> None:
    """As after any deployment; that one does not come up again may be the very thing."""
    for unit in units:
        with suppress(OSError):
            site.hands.restart(unit)


def start(site: Site, units: Iterable[str]) -> None:
    """One that hangs half started, which some do that cannot listen, is started anew."""
    for unit in units:
        site.start_if_dead(unit)
        if site.hands.units()[unit]["state"] in UNSETTLED:
            restart(site, [unit])
        if unit == "worker":
            take_up_again(site)


class OfFiles(Value):
    """Processes only: in containers the files of an image are nobody's to change."""

    family = "files"
    kind = "file"
    drivers = ("process",)

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site) if undo["chosen"][0] == "worker" else ""

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        start(site, self.units(undo["chosen"]))


class DanglingRelease(OfFiles):
    """A roll-out that switched the link and never copied what it points to."""

    id = "dangling_release"
    title = "The link of the current release points to none"
    kind = "release"
    choices = (
        ("frontend", "current", "frontend", "3.2.0"),
        ("frontend", "current", "frontend", "../platform/2.7.1"),
        ("api", "current", "api", "1.5.0"),
        ("worker", "current", "platform", "2.8.0"),
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return str(self._link(site, chosen).readlink())

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._point(site, chosen, chosen[3])
        restart(site, self.units(chosen))

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._point(site, chosen, was)

    def _link(self, site: Site, chosen: list[Any]) -> Path:
        return site.path(f"releases/{chosen[2]}/current")

    def _point(self, site: Site, chosen: list[Any], version: str) -> None:
        link = self._link(site, chosen)
        fresh = link.with_name(".current-next")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(version)
        fresh.replace(link)


class FileGone(OfFiles):
    """Tidied away; whoever had it open goes on, until the next start."""

    id = "file_gone"
    title = "A file that a part needs at its start is gone"
    choices = (
        ("frontend", "shop.css", "releases/frontend/current/shop/frontend/shop.css"),
        ("frontend", "frontend.yaml", "etc/frontend.yaml"),
        ("worker", "worker.env", "etc/worker.env"),
        ("api", "auth.py", "releases/api/current/shop/api/auth.py"),
        ("gateway", "gateway.yaml", "etc/gateway.yaml"),
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return site.path(chosen[2]).exists()

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        path = site.path(chosen[2])
        path.rename(path.with_name(f"{path.name}.old"))
        restart(site, self.units(chosen))

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None: ...

    def undo(self, site: Site, undo: Undo) -> None:
        """Also where somebody put another one in its place."""
        path = site.path(undo["chosen"][2])
        if (old := path.with_name(f"{path.name}.old")).exists():
            old.replace(path)
        super().undo(site, undo)


class Permissions(OfFiles):
    """Of the database's own files: it looks at them when it starts."""

    id = "file_permissions"
    title = "The database's files have other permissions"
    components = ("postgres",)
    choices: ClassVar[tuple[tuple[str, str, str, int], ...]] = (
        ("postgres", "data", "data_directory", 0o755),
        ("postgres", "data", "data_directory", 0o777),
        ("postgres", "data", "data_directory", 0o770),
    )

    def inverse(self, site: Site, seed: int) -> Undo:
        chosen = self.chosen(seed)
        path = str(ask(site, f"SHOW {chosen[2]}"))
        chosen = [*chosen[:2], path, *chosen[3:]]
        return {"chosen": chosen, "was": self.look(site, chosen)}

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return Path(chosen[2]).stat().st_mode & 0o777

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        Path(chosen[2]).chmod(chosen[3])
        restart(site, ["postgres"])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        Path(chosen[2]).chmod(was)

    def is_well(self, now: Any, was: Any) -> bool:
        return bool(now == was) or now in (0o700, 0o750)

    def still_broken(self, site: Site, undo: Undo) -> str:
        wrong = super().still_broken(site, undo)
        return f"permissions of {undo['chosen'][1]} are {self.look(site, undo['chosen']):o}" if wrong else ""


class Owner(Permissions):
    """Edited by an administrator who saved it as himself, readable by nobody else."""

    id = "file_owner"
    title = "The database may not read one of its files"
    choices = (
        ("postgres", "pg_hba.conf", "hba_file", 0o600),
        ("postgres", "postgresql.conf", "config_file", 0o600),
    )

    def inverse(self, site: Site, seed: int) -> Undo:
        if os.geteuid() != 0:
            raise FaultFailed("a file can be given to another owner by root only")
        return super().inverse(site, seed)

    def look(self, site: Site, chosen: list[Any]) -> Any:
        seen = Path(chosen[2]).stat()
        return [seen.st_uid, seen.st_gid, seen.st_mode & 0o777]

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        os.chown(chosen[2], 0, 0)
        Path(chosen[2]).chmod(chosen[3])
        restart(site, ["postgres"])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        os.chown(chosen[2], was[0], was[1])
        Path(chosen[2]).chmod(was[2])

    def is_well(self, now: Any, was: Any) -> bool:
        return bool(now[0] == was[0] or now[2] & 0o004)

    def still_broken(self, site: Site, undo: Undo) -> str:
        now = self.look(site, undo["chosen"])
        return "" if self.is_well(now, undo["was"]) else f"{undo['chosen'][1]} belongs to user {now[0]}"


class HostRules(Drawn):
    """One line above all others, and a reload: those who are in stay in."""

    id = "host_rules"
    title = "The shop's role may not log in from where the shop is"
    family = "files"
    kind = "access"
    components = ("postgres",)
    drivers = ("process",)
    choices = tuple(
        ("postgres", "pg_hba.conf", f"host    {database:15} {role:15} {where:23} {method}\n")
        for database, role, where in (("shop", "app", "127.0.0.1/32"), ("all", "app", "127.0.0.0/8"))
        for method in ("reject", "ident")
    )
    LINE: ClassVar[int] = 2

    def inverse(self, site: Site, seed: int) -> Undo:
        path = str(ask(site, "SHOW hba_file"))
        return {"chosen": self.chosen(seed), "path": path, "was": Path(path).read_text()}

    def apply(self, site: Site, undo: Undo) -> None:
        self._write(site, undo, site.names.text(undo["chosen"][self.LINE]) + undo["was"])

    def undo(self, site: Site, undo: Undo) -> None:
        self._write(site, undo, undo["was"])

    def _write(self, site: Site, undo: Undo, text: str) -> None:
        """Into the same file: its owner stays."""
        if Path(undo["path"]).read_text() != text:
            Path(undo["path"]).write_text(text)
        run(site, "SELECT pg_reload_conf()")

    def still_broken(self, site: Site, undo: Undo) -> str:
        """A line that was made a comment says nothing any more."""
        line = site.names.text(undo["chosen"][self.LINE]).split()
        there = line in (said.split() for said in Path(undo["path"]).read_text().splitlines())
        return f"pg_hba.conf says {' '.join(line)}" if there else ""

    def touched(self, undo: Undo) -> list[Touched]:
        """As the server tells its rules, without the mask."""
        words = undo["chosen"][self.LINE].split()
        return [Touched("postgres", self.kind, " ".join([*words[:3], words[3].split("/")[0]]))]


class FolderInPlace(OfFiles):
    """The cache cannot save any more, and then takes no more writes either: it says so."""

    id = "folder_in_place"
    title = "Where the cache saves itself there is a folder"
    components = ("redis",)
    choices = (("redis", "dump.rdb", "dump.rdb.1"), ("redis", "dump.rdb", "dump.rdb.bak"))

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return self._path(site).is_dir()

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        path = self._path(site)
        if path.is_file():
            path.rename(path.with_name(chosen[2]))
        path.mkdir()
        self._save(site)

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        path = self._path(site)
        path.rmdir()
        if (old := path.with_name(chosen[2])).exists():
            old.rename(path)

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        self._path(site).with_name(undo["chosen"][2]).unlink(missing_ok=True)
        with site.redis() as redis:
            refused = redis.info("persistence")["rdb_last_bgsave_status"] != "ok"
        if refused:
            self._save(site)

    def _path(self, site: Site) -> Path:
        return site.path("vol/redis/dump.rdb")

    def _save(self, site: Site) -> None:
        """As the nightly backup does."""
        with site.redis() as redis:
            redis.bgsave(schedule=True)
            until = time.monotonic() + SAVED_WITHIN_S
            time.sleep(0.3)
            while redis.info("persistence")["rdb_bgsave_in_progress"] and time.monotonic() < until:
                time.sleep(0.1)
