"""`./ops demo`: break something and watch it being found, understood, repaired and explained, in the terminal."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from actions import grants
from chaos import scorecard, service
from chaos.faults.base import Fault
from chaos.gameday import allowed
from chaos.gameday.drive import SUSTAIN_S, Driver, NotSteady
from chaos.gameday.measure import Eyes
from chaos.models import Injection
from chaos.registry import FAULTS
from incidents import postmortem
from incidents.models import Incident, Postmortem, State, TimelineEvent
from opsportal.picked import add_choice, with_sandbox

PATIENCE_S = 150.0
GRANT_MINUTES = 5.0
LOOK_S = 0.2
COLOURS = {
    "symptom": "red",
    "approval": "yellow",
    "action": "cyan",
    "verify": "green",
    "hypotheses": "magenta",
}


class Command(BaseCommand):
    help = (
        "Break something and watch it being repaired. Exits 0 only if the system was measured healthy again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fault", default="db_auth_failure", help="which (default db_auth_failure)")
        add_choice(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console()
        system = with_sandbox(options)
        if not system.agent_on:
            raise CommandError(
                f"the agent only watches {system.slug}, so nothing would be repaired; turn it on first:"
                f" ./ops manage agent on {system.slug}"
            )
        try:
            fault = FAULTS[service.resolve(options["fault"])[0]]
        except service.Refused as error:
            raise CommandError(str(error)) from None
        driver = Driver(system, "", self.console.print)
        self.console.print(f"[bold]{system.title}[/bold]: waiting for a steady state ...")
        try:
            driver.steady()
        except NotSteady as error:
            raise CommandError(
                f"the system is not healthy before the demo: {error}; try ./ops sandbox reset"
            ) from None
        self.console.print(f"\n[bold red]Breaking it:[/bold red] {fault.title}. {fault.description}\n")
        self.console.print(
            "Risky steps need a person; what the agent asks for this fault is approved by the demo.\n"
        )
        injected = datetime.now(UTC)
        with allowed.approved(
            system,
            grants.Scope.DEMO,
            fault.id,
            by="demo",
            minutes=GRANT_MINUTES,
            also=fault.approves,
        ):
            incident, since = self._break(driver, fault, injected)
        self._conclude(incident, since, injected)

    def _break(
        self, driver: Driver, fault: Fault, injected: datetime
    ) -> tuple[Incident | None, float | None]:
        """The incident about it, and since when the system was measured whole after it; None where it was not."""
        system = driver.system
        row = service.press(system.slug, fault.id, by="demo", force=True)
        undo = service.journal().read(str(row.pk)).undo
        try:
            with Eyes(lambda: fault.still_broken(driver.site, undo) or driver.journeys_wrong()) as eyes:
                service.run(str(row.pk))
                incident = self._follow(row, injected)
                well = incident is not None and incident.state == State.RESOLVED
                since = eyes.wait_green(time.time(), SUSTAIN_S, 30.0) if well else None
        finally:
            service.revert(str(row.pk), "demo")
        return incident, since

    def _follow(self, row: Injection, injected: datetime) -> Incident | None:
        """Print the incident's timeline as it grows, until it is over."""
        until, seen = time.time() + PATIENCE_S, 0
        incident: Incident | None = None
        while time.time() < until:
            before, incident = incident, self._about(row, incident)
            if incident is None:
                time.sleep(LOOK_S)
                continue
            seen = seen if before is None or before.pk == incident.pk else 0
            mine = TimelineEvent.objects.filter(incident=incident, seq__gt=seen, at__gte=injected)
            for event in mine.order_by("seq"):
                seen = event.seq
                self._print(event, injected)
            if incident.state in (State.RESOLVED, State.HANDED_OVER) and incident.last_seq <= seen:
                return incident
            time.sleep(LOOK_S)
        return incident

    def _about(self, row: Injection, known: Incident | None) -> Incident | None:
        """The incident about it; what it became part of, once it has."""
        if known is not None:
            return Incident.objects.get(pk=known.merged_into_id or known.pk)
        brought = scorecard.about(row.system, [row]).get(row.pk)
        return brought.incident if brought else None

    def _print(self, event: TimelineEvent, injected: datetime) -> None:
        colour = COLOURS.get(event.kind, "white")
        after = (event.at - injected).total_seconds()
        self.console.print(f"[dim]{after:6.1f} s[/dim]  [{colour}]{event.kind:<11}[/{colour}] ", end="")
        self.console.print(event.title, markup=False, highlight=False)

    def _conclude(self, incident: Incident | None, since: float | None, injected: datetime) -> None:
        if incident is None:
            raise CommandError("no incident was opened: the fault was not noticed")
        found = Postmortem.objects.filter(incident=incident).first()
        if found:
            self.console.print("\n[bold]Postmortem[/bold]\n")
            self.console.print(postmortem.markdown(found), markup=False, highlight=False)
        if since is None:
            raise CommandError(
                f"not healthy again: {incident.verdict.headline} is {incident.get_state_display().lower()}"
            )
        seconds = (incident.resolved_at or datetime.now(UTC)) - injected
        after = f"resolved {seconds.total_seconds():.1f} s after the injection"
        self.console.print(f"\n[bold green]Healthy again[/bold green], measured by real requests; {after}.")
