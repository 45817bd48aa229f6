"""Shared by the releases that bring other packages along."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any, ClassVar

from chaos.faults import _release
from chaos.faults.base import FaultFailed, Undo
from chaos.site import Site


class PackagesFault(_release.ReleaseFault):
    """`wheels`: of the shop's own index, in place of what the release had of these packages."""

    service = "api"
    units = ("api-1", "api-2")
    edits = ()
    wheels: ClassVar[tuple[str, ...]]

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        for wheel in self.wheels:
            if not _path(site, wheel).is_file():
                raise FaultFailed(f"the index has no {wheel}; reset the sandbox first")
        return super().prepare(site, params)

    def build(self, site: Site, folder: Path) -> None:
        """As `pip install --no-deps --upgrade --target vendor` does it."""
        for wheel in self.wheels:
            name = wheel.split("-")[0]
            for old in [*(folder / "vendor").glob(f"{name}-*.dist-info"), folder / "vendor" / name]:
                shutil.rmtree(old)
            with zipfile.ZipFile(_path(site, wheel)) as archive:
                archive.extractall(folder / "vendor")


def _path(site: Site, wheel: str) -> Path:
    return site.path(f"packages/{wheel}-py3-none-any.whl")
