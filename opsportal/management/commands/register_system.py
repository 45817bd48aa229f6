"""`manage.py register_system PATH`: put a system under care, or only say what would be."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions import rehearsal
from actions.rehearsal import Rehearsed
from systems import services
from systems.describe import describe, doubts, is_watched_only
from systems.manifest import ManifestError, checks
from systems.manifest.describing import schema_text
from systems.models import System
from systems.tryout import Tried, misnamed, try_all, try_out

HEADS = {
    "ready": "could be asked for now",
    "idle": "nothing to do for them now, or they have to be told on what",
    "unreached": "what they need cannot be reached",
}
NAMED = 6


class Command(BaseCommand):
    help = "Register (or update) the system described by a manifest. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("manifest", type=Path, nargs="?")
        parser.add_argument(
            "--check",
            action="store_true",
            help="register nothing: run every probe once, try every action without doing anything, and say what cannot"
            " be reached; exits 0 when all could be",
        )
        parser.add_argument(
            "--schema", action="store_true", help="print the JSON Schema of a manifest, for editors, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["schema"]:
            self.stdout.write(schema_text(), ending="")
            return None
        if options["manifest"] is None:
            raise CommandError(
                "name the manifest: register_system PATH (docs/manifest.md says what stands in it)"
            )
        if options["check"]:
            return self._check(options["manifest"])
        try:
            system = services.register(options["manifest"])
        except ManifestError as error:
            raise CommandError(str(error)) from error
        loaded = services.load(system.slug)
        count = len(loaded.services)
        self.stdout.write(
            self.style.SUCCESS(f"{system.title} ({system.slug}) is under care: {count} services")
        )
        if options["verbosity"] > 0:
            tried = try_out(loaded)
            self._tell(loaded, tried, _to_mend(loaded, tried))
            self.stdout.write(f"  {_may(system)}")
            if is_watched_only(loaded):
                self.stdout.write(
                    "  nothing of it is driven (runtime: none): only what needs no unit can be asked for"
                )
        return None

    def _check(self, path: Path) -> None:
        try:
            loaded = services.from_manifest(path)
        except ManifestError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{loaded.title} ({loaded.slug}): {len(loaded.services)} services; nothing is registered"
        )
        tried, rehearsed = try_all(loaded), rehearsal.rehearse(loaded)
        mend = [*_not_activated(loaded), *_to_mend(loaded, tried)]
        self._tell(loaded, tried, mend)
        for line in _actions(rehearsed):
            self.stdout.write(f"  {line}")
        if lacking := rehearsal.without_a_unit(loaded):
            self.stdout.write(f"  not here, where nothing has a unit: {', '.join(lacking)}")
        away = [r for r in rehearsed if r.outcome == "unreached"]
        self.stdout.write(_counted(tried, rehearsed))
        if mend or away:
            raise CommandError(
                f"{len(mend)} to mend, and {len(away)} actions that could not be tried: see above",
                returncode=1,
            )
        self.stdout.write(self.style.SUCCESS("everything could be reached"))

    def _tell(self, loaded: services.LoadedSystem, tried: Tried, mend: list[str]) -> None:
        for line in [*describe(loaded), *tried.recognised]:
            self.stdout.write(f"  {line}")
        for line in [*mend, *tried.doubts]:
            self.stdout.write(self.style.WARNING(f"  mind: {line}"))


def _to_mend(loaded: services.LoadedSystem, tried: Tried) -> list[str]:
    return [*misnamed(loaded), *tried.troubles, *doubts(loaded)]


def _not_activated(loaded: services.LoadedSystem) -> list[str]:
    """What would keep it from being registered."""
    return [f"{'.'.join(map(str, where))}: {words}" for where, words in checks.activating(loaded.manifest)]


def _actions(rehearsed: list[Rehearsed]) -> Iterator[str]:
    """A line for each action and outcome; those that cannot be tried with each reason."""
    if not rehearsed:
        yield "actions: none applies here, so trouble is found and explained, and left to people"
        return
    for outcome, head in HEADS.items():
        some = sorted((r for r in rehearsed if r.outcome == outcome), key=lambda r: r.action)
        if not some:
            continue
        yield f"actions, {head}:"
        for slug, of in groupby(some, key=lambda r: r.action):
            for why, alike in groupby(sorted(of, key=lambda r: r.why), key=lambda r: r.why):
                yield f"  {slug}: {_some([r.target for r in alike])}{f': {why}' if why else ''}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _counted(tried: Tried, rehearsed: list[Rehearsed]) -> str:
    counts = {outcome: sum(r.outcome == outcome for r in rehearsed) for outcome in HEADS}
    return (
        f"{tried.looks - len(tried.troubles)} of {tried.looks} looks came back; of {len(rehearsed)} actions on their "
        f"targets {counts['ready']} could be asked for now, {counts['idle']} have nothing to do, "
        f"{counts['unreached']} cannot reach what they need"
    )


def _may(system: System) -> str:
    """What the agent may do there, and how a person changes it."""
    if system.agent_on:
        return f"the agent repairs there; ./ops manage agent off {system.slug} lets it only watch"
    return (
        "it is only watched: trouble is found and explained, and nothing is done about it until a person turns the"
        f" agent on: ./ops manage agent on {system.slug}, or the page Settings, or"
        f" POST /api/systems/{system.slug}/agent"
    )
