"""`manage.py create_token USER [--perm actions.run_action ...]`: a token for programs, shown once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from actions import audit
from actions.gate import SERVICE_ACCOUNTS
from opsportal import tokens


class Command(BaseCommand):
    help = "Make an API token for a user. With --service the user is made if need be, and can ask but never approve."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--perm", action="append", default=[], help=f"one of: {', '.join(tokens.GRANTABLE)}"
        )
        parser.add_argument("--name", default="", help="what it is for")
        parser.add_argument("--days", type=float, default=None, help="expires after so many days")
        parser.add_argument("--service", action="store_true", help="a service account, made if need be")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        model = get_user_model()
        name: str = options["user"]
        user = model.objects.filter(username=name).first()
        if user is None and options["service"]:
            user = model.objects.create_user(username=name)
            user.groups.add(Group.objects.get_or_create(name=SERVICE_ACCOUNTS)[0])
        if user is None:
            raise CommandError(f"there is no user {name!r}; make one first, or add --service")
        permissions = options["perm"] or [tokens.READ, "actions.run_action"]
        try:
            text, row = tokens.create(
                user, options["name"] or "command line", permissions, days=options["days"]
            )
        except tokens.UnknownPermission as error:
            raise CommandError(str(error)) from error
        if options["service"]:
            tokens.grant(user, permissions)
        missing = [p for p in permissions if not model.objects.get(pk=user.pk).has_perm(p)]
        if missing:
            raise CommandError(
                f"{name} does not have {', '.join(missing)}: a token cannot do more than its user"
            )
        audit.append(
            "command line", "token.created", data={"user": name, "name": row.name, "permissions": permissions}
        )
        self.stderr.write("Keep it: it is not shown again.")
        self.stdout.write(text)
