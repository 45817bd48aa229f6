"""`manage.py chaos_mode on|off|status`: faults at random, on a schedule."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chaos.mode import service
from opsportal.picked import only_system
from systems.models import System

BY = "command line"


class Command(BaseCommand):
    help = "Turn chaos mode on or off, with its limits; or say how it is set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("do", choices=["on", "off", "status"])
        parser.add_argument("--system", default="", help="slug; needed only when there are several")
        parser.add_argument("--every", type=float, metavar="MINUTES")
        parser.add_argument(
            "--lasts", type=int, metavar="SECONDS", help="at the latest it is taken back then"
        )
        parser.add_argument("--categories", metavar="A,B", help=f"of {', '.join(service.categories())}")
        parser.add_argument("--faults", metavar="A,B")
        parser.add_argument("--most-parts", type=int)
        parser.add_argument("--most-impact", type=float, metavar="SHARE", help="of the journeys, 0 to 1")
        parser.add_argument("--hours", metavar="FROM-UNTIL", help="of the day in UTC: 9-17, or 22-6")
        parser.add_argument("--approve", action="store_true", default=None,
                            help="approve beforehand what the agent asks for")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["system"] or only_system()
        system = System.objects.filter(slug=slug).first()
        if system is None:
            raise CommandError(f"there is no system {slug!r}")
        try:
            if wanted := _wanted(options):
                service.change(system, BY, **wanted)
        except ValueError as error:
            raise CommandError(str(error)) from None
        if options["do"] != "status":
            (service.turn_on if options["do"] == "on" else service.turn_off)(system, BY)
        row = service.of(system)
        self.stdout.write(f"Chaos mode of {slug} is {'on' if row.on else 'off'}.")
        for name in service.SETTINGS:
            self.stdout.write(f"  {name}: {getattr(row, name)}")
        for said in filter(
            None, [row.next_at and f"next at {row.next_at:%H:%M:%S} UTC", row.skipped, row.halted]
        ):
            self.stdout.write(f"  {said}")


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    names = ("lasts", "most_parts", "most_impact", "approve")
    found = {
        {"lasts": "lasts_s"}.get(name, name): options[name] for name in names if options[name] is not None
    }
    if options["every"] is not None:
        found["every_s"] = round(options["every"] * 60)
    for name in ("categories", "faults"):
        if options[name] is not None:
            found[name] = [word for word in options[name].split(",") if word]
    if options["hours"]:
        first, _, last = options["hours"].partition("-")
        if not (first.isdecimal() and last.isdecimal()):
            raise service.Wrong("--hours is FROM-UNTIL, as in 9-17")
        found |= {"from_hour": int(first), "until_hour": int(last)}
    return found
