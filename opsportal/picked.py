"""Which system a command means when it is not told, and what its sandbox has to be made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from chaos import service
from chaos.site import Site, SiteMissing
from opsportal.local.sandboxes import KINDS
from systems import services
from systems.models import System

NEXT = (
    "register one with ./ops manage register_system path/to/manifest.yaml, or stop this portal and start it with its"
    " sandbox (./ops up without --no-sandbox)"
)


def only_system() -> str:
    """The slug of the one sandbox, or else of the one enabled system. CommandError when there are none or several."""
    slugs = [row.slug for row in service.breakable()]
    if len(slugs) != 1:
        if not slugs:
            raise CommandError(f"none is registered: {NEXT}")
        raise CommandError(f"which system? name it with --system SLUG ({', '.join(slugs)})")
    return slugs[0]


def add_choice(parser: CommandParser) -> None:
    """The options of a command that plays with a sandbox, and starts a portal where none runs."""
    parser.add_argument("--system", default="", help="slug; needed only when there are several")
    parser.add_argument(
        "--runtime",
        choices=list(KINDS),
        help="what the sandbox is made of (default: what runs, or processes)",
    )


def chosen(options: Mapping[str, Any]) -> System:
    """The system those options mean. CommandError when there is none, or it runs as something else."""
    slug, wanted = options["system"] or only_system(), options["runtime"]
    row = System.objects.filter(slug=slug).first()
    if row is None:
        known = ", ".join(System.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"there is no system {slug!r} (registered: {known})")
    if wanted and (found := services.load(slug).manifest.runtime.driver) != wanted:
        raise CommandError(
            f"{slug} runs as {found}: stop that portal (Ctrl-C in its ./ops up), or name another folder with --data"
        )
    return row


def with_sandbox(options: Mapping[str, Any]) -> System:
    """As `chosen`, for what puts faults in. CommandError when that system is not a sandbox: it is nobody's to break."""
    row = chosen(options)
    try:
        Site.load(Path(row.manifest_path).parent)
    except (SiteMissing, OSError, ValueError):
        raise CommandError(
            f"{row.slug} is not the built-in sandbox, and faults are put into that only: stop this portal and start it"
            " with its sandbox (./ops up without --no-sandbox), or name another folder with --data"
        ) from None
    return row
