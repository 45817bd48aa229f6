"""`./ops status`: the parts of the portal, the systems under care and the open incidents."""

import os
from collections.abc import Sequence
from typing import Any

import httpx
from django.conf import settings
from django.core.management import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from incidents.models import OPEN_STATES, Incident
from opsportal.drawing.looks import look
from opsportal.local import attach
from opsportal.pages import dashboard
from systems import activation
from systems.models import System

_COLOURS = {"ok": "green", "idle": "dim", "warn": "yellow", "bad": "red"}


class Command(BaseCommand):
    help = "Show what is running and how it is doing; exit code 1 when the portal is not ready."

    def handle(self, *args: Any, **options: Any) -> None:
        url = os.environ.get("OPSPORTAL_URL")
        if not url:
            raise CommandError(
                "nothing is running here: start it with ./ops up, or name its folder with --data DIR"
            )
        console = Console()
        ready = self._portal(console, url)
        for system in System.objects.filter(enabled=True):
            self._system(console, system)
        self._incidents(console)
        if not ready:
            raise CommandError("the portal is not ready")

    def _portal(self, console: Console, url: str) -> bool:
        try:
            answer = httpx.get(f"{url}healthz", timeout=5)
            parts = answer.json()["parts"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise CommandError(f"{url} does not answer: {error}") from error
        console.print(f"[bold]Portal[/bold]  {url}")
        for name, part in parts.items():
            colour = "green" if part["ok"] else "red"
            console.print(f"  [{colour}]●[/{colour}] {name:<10} {part['state']}")
        known = attach.read(settings.OPSPORTAL_DATA) or {}
        for name, why in known.get("given_up", {}).items():
            console.print(f"  [red]●[/red] {name:<10} given up: {why}; mend it, then stop and start ./ops up")
        return answer.status_code == 200 and not known.get("given_up")

    def _system(self, console: Console, system: System) -> None:
        services = dashboard.services_of(system)
        title = f"{system.title}: {_summary(services)}"
        table = Table("service", "health", "latency", "cpu", "memory", "", title=title, title_justify="left")
        for service in services:
            word, tone, _ = look("health", service.health)
            row = service.figures if service.seen else {}
            table.add_row(
                service.name,
                f"[{_COLOURS[tone]}]{word}[/{_COLOURS[tone]}]",
                _figure(row.get("latency_ms"), "ms"),
                _figure(row.get("cpu_pct"), "%"),
                _figure(row.get("rss_mb"), "MB"),
                escape(service.why),
            )
        console.print(table)
        if said := activation.offered(system):
            console.print(f"  [yellow]●[/yellow] {escape(said)}")

    def _incidents(self, console: Console) -> None:
        rows = Incident.objects.filter(state__in=OPEN_STATES).order_by("number")
        if not rows:
            console.print("No open incidents.")
        for incident in rows:
            console.print(
                f"[red]#{incident.number}[/red] {incident.verdict.headline} ({incident.get_state_display()})"
            )


def _summary(services: Sequence[dashboard.Service]) -> str:
    """How many are well; what is not seen is not counted as well."""
    well = sum(1 for s in services if s.health == "ok")
    unseen = sum(1 for s in services if s.health == "unknown")
    said = f"{well} of {len(services)} services well"
    return said + (f", {unseen} not seen" if unseen else "")


def _figure(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.0f} {unit}"
