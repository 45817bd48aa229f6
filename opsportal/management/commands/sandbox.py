"""`./ops sandbox status | reset`."""

import json
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from opsportal.local.sandboxes import folder_of
from systems.manifest import ManifestError
from systems.models import System
from systems.runtimes.base import RUNNING, RuntimeFailed
from systems.services import from_manifest


class Command(BaseCommand):
    help = "Look at the sandbox (status), or put its files and data back to their first state (reset)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["status", "reset"])

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = folder_of(settings.OPSPORTAL_DATA)
        if not (folder / "manifest.yaml").exists():
            folder = self._registered() or folder
        if not (folder / "manifest.yaml").exists():
            raise CommandError(f"there is no sandbox in {folder}: ./ops up makes one")
        if options["verb"] == "reset":
            self._reset(folder)
        else:
            self._status(folder)

    def _registered(self) -> Path | None:
        """Of a portal in containers, whose sandbox has a volume of its own."""
        found = [Path(path).parent for path in System.objects.values_list("manifest_path", flat=True)]
        return next((folder for folder in found if (folder / "site.json").exists()), None)

    def _reset(self, folder: Path) -> None:
        driver = json.loads((folder / "site.json").read_text())["driver"]
        if driver == "docker" and not shutil.which("docker"):
            raise CommandError(
                "there is no docker command here to restart its containers with; where there is one, "
                "`docker compose --profile sandbox down --volumes` and then `up` begin anew"
            )
        argv = [sys.executable, "-m", "sandbox", "reset", "--dir", str(folder)]
        if subprocess.run(argv, cwd=settings.BASE_DIR).returncode:
            raise CommandError("the sandbox could not be reset; see the lines above")

    def _status(self, folder: Path) -> None:
        try:
            loaded = from_manifest(folder / "manifest.yaml")
            units = loaded.runtime.list()
        except (ManifestError, RuntimeFailed, OSError) as error:
            raise CommandError(f"the sandbox does not answer: {error}") from error
        table = Table("unit", "state", "pid", "restarts", "out of memory", "release")
        for unit in units:
            pid = str(unit.pid or "")
            table.add_row(
                unit.unit, str(unit.state), pid, str(unit.restarts), str(unit.oom_kills), unit.release or ""
            )
        named = [s.unit for s in loaded.services.values() if s.unit]
        unseen = [name for name in named if name not in {unit.unit for unit in units}]
        for name in unseen:
            table.add_row(name, "not seen", "", "", "", "")
        console = Console()
        console.print(table)
        running = sum(1 for unit in units if unit.state == RUNNING)
        said = f"{running} of {len(units) + len(unseen)} run"
        console.print(said + (f"; not seen: {', '.join(unseen)}" if unseen else ""))
        if front_door := loaded.manifest.front_door:
            console.print(f"Front door: {front_door}")
