"""`manage.py revoke_token USER [--name NAME]`: API tokens end, at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from actions import audit
from opsportal import tokens


class Command(BaseCommand):
    help = "End the API tokens of a user, or those of one name only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", default="", help="what it was made for")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"there is no user {options['user']!r}")
        ended = tokens.revoke(user, options["name"])
        if not ended:
            raise CommandError(
                f"{options['user']} has no live token"
                + (f" called {options['name']!r}" if options["name"] else "")
            )
        audit.append("command line", "token.revoked", data={"user": options["user"], "names": ended})
        self.stdout.write(f"Ended: {', '.join(ended)}")
