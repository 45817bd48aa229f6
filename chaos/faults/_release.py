"""Shared by the faults whose cause is a release that does not work."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from chaos.faults.base import Fault, FaultFailed, Part, Undo
from chaos.site import Site


class ReleaseFault(Fault):
    """A copy of the current release with some lines changed is rolled out, as a deployment does it: the new folder,
    the link, a restart. `edits`: (file below the release, what is replaced, by what)."""

    service: ClassVar[str]
    version: ClassVar[str]
    units: ClassVar[tuple[str, ...]]
    edits: ClassVar[tuple[tuple[str, str, str], ...]]
    drivers = ("process",)
    approves = ("roll-back-release",)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        link = _link(site, self.service)
        if not link.is_symlink():
            raise FaultFailed(f"{link.name} of {self.service} is no link; reset the sandbox first")
        for file, old, _ in self.edits:
            if site.names.text(old) not in (link / site.names.path(file)).read_text():
                raise FaultFailed(f"{file} of the current release reads otherwise; reset the sandbox first")
        return {"was": str(link.readlink())}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        link = _link(site, self.service)
        folder = link.parent / self.version
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(link.parent / undo["was"], folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "VERSION").write_text(f"{self.version}\n")
        for file, old, new in self.edits:
            path = folder / site.names.path(file)
            text = path.read_text()
            path.write_text(text.replace(site.names.text(old), site.names.text(new)))
        self.build(site, folder)
        _point(link, self.version)
        for unit in self.units:
            site.hands.bounce(unit)

    def build(self, site: Site, folder: Path) -> None:
        """What else the release brings."""

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        link = _link(site, self.service)
        return [
            Part(f"the release of {self.service}", lambda: self._back(site, link, undo)),
            *(Part(f"{unit} runs", partial(site.start_if_dead, unit)) for unit in self.units),
            Part(f"release {self.version} is away", lambda: shutil.rmtree(link.parent / self.version, True)),
        ]

    def _back(self, site: Site, link: Path, undo: Undo) -> None:
        if str(link.readlink()) == self.version:
            _point(link, undo["was"])
            undo["unread"] = list(self.units)
        while undo.get("unread"):
            site.hands.bounce(undo["unread"][0])
            undo["unread"].pop(0)

    def still_broken(self, site: Site, undo: Undo) -> str:
        if str(_link(site, self.service).readlink()) == self.version:
            return f"{self.service} is at release {self.version}"
        return site.down(self.units)


def _link(site: Site, service: str) -> Path:
    return site.path(f"releases/{service}/current")


def _point(link: Path, version: str) -> None:
    fresh = link.with_name(".current-next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(version)
    fresh.replace(link)
