"""`manage.py agent on|off SYSTEM`: may the agent act there. `agent stop|start`: may anybody's actions start at all."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions import policy, switch
from actions.models import Freeze
from systems.models import System

BY = "command line"


class Command(BaseCommand):
    help = "Turn the agent on or off for a system; stop all acting, or let it start again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("do", choices=["on", "off", "stop", "start"])
        parser.add_argument("system", nargs="?", default="")
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        do = options["do"]
        if do == "stop":
            policy.set_freeze(None, Freeze.Mode.STOP, BY, options["reason"])
            self.stdout.write("No action of anybody starts until `agent start`; what runs ends.")
        elif do == "start":
            lifted = policy.lift_freezes(None, Freeze.Mode.STOP, BY)
            self.stdout.write("Actions may start again." if lifted else "Nothing was stopped.")
        else:
            self._switch(options["system"], do == "on", options["reason"])

    def _switch(self, slug: str, on: bool, why: str) -> None:
        row = System.objects.filter(slug=slug).first()
        if row is None:
            known = ", ".join(System.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"there is no system {slug!r}; there are: {known}")
        gone = switch.turn_agent(row, on, BY, why)
        self.stdout.write(f"The agent {'repairs' if on else 'only watches'} {slug} now.")
        if gone:
            self.stdout.write(f"Withdrawn, what it had asked for there and was not started: {gone}.")
