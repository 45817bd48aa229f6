"""Puts the renamed mini production under care for a while, in place of the plain one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from opsportal.local.errors import LocalError
from opsportal.local.renamed import FOLDER, in_use, remove, running
from systems import services
from systems.manifest import parse_manifest, read_manifest
from systems.models import System
from systems.probes import journeys
from systems.services import register

PLAIN = "sandbox"
WELL_S = 150.0
LOOK_S = 1.0


@contextmanager
def renamed(plain: System, seed: int, say: Callable[[str], None]) -> Iterator[System]:
    """The row of a sandbox whose names are drawn from the seed. Meanwhile `plain` runs, and is not watched: one machine
    has to do for both. Afterwards it is gone, and its row stays for what was recorded. CommandError says why there is
    none."""
    data = Path(settings.OPSPORTAL_DATA)
    say(f"building the sandbox under other names (seed {seed}) ...")
    try:
        with running(data, data / "logs", seed) as folder:
            row = _registered(folder / "manifest.yaml")
            watched = System.objects.filter(pk=plain.pk, enabled=True).update(enabled=False)
            try:
                _wait_well(row)
                yield row
            finally:
                System.objects.filter(pk=row.pk).update(enabled=False)
                System.objects.filter(pk=plain.pk).update(enabled=bool(watched))
    except LocalError as error:
        raise CommandError(str(error)) from None


def put_right() -> None:
    """After a game day that was killed: its sandbox goes, with the fault in it, and the plain one is watched again."""
    data = Path(settings.OPSPORTAL_DATA).resolve()
    if in_use(data):
        return
    left = System.objects.filter(manifest_path__startswith=f"{data / FOLDER}{os.sep}", enabled=True)
    with suppress(LocalError):  # it is just ending: whoever comes next removes it
        remove(data)
    if left.update(enabled=False):
        System.objects.filter(manifest_path=str(data / PLAIN / "manifest.yaml")).update(enabled=True)


def _registered(manifest: Path) -> System:
    """A system of that name that is somebody else's is left alone."""
    text = read_manifest(manifest)
    slug = parse_manifest(text, name=manifest.name, base_dir=manifest.parent).system
    taken = System.objects.filter(slug=slug).exclude(manifest_path=str(manifest.resolve()))
    if taken.exists():
        raise CommandError(f"a system named {slug} is registered already; take another --first-seed")
    row = register(manifest, text=text)
    System.objects.filter(pk=row.pk).update(enabled=True)
    row.refresh_from_db()
    return row


def _wait_well(row: System) -> None:
    loaded, until = services.load(row.slug), time.monotonic() + WELL_S
    while wrong := journeys.failures(loaded):
        if time.monotonic() > until:
            raise CommandError(f"the renamed sandbox is not well after {WELL_S:.0f} s: {'; '.join(wrong)}")
        time.sleep(LOOK_S)
