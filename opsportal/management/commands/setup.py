"""Prepares the database: migrations, runbooks, the admin's account and the system to look after.

Tells the launcher how far it is: one JSON object a line, {"stage": text, "seconds": s} or {"login": {...}}. With
--announce it tells a person instead: the address and the login.
"""

import json
import os
import secrets
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import redis
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError, connection, transaction

from actions import switch
from opsportal import heartbeat
from systems.models import System

LOOK_S = 0.3


class Command(BaseCommand):
    help = "Migrate, load the runbooks, make the admin account, register the system (run by `up`)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--manifest", help="manifest of a system to register")
        parser.add_argument("--if-there", action="store_true", help="go on when there is no such manifest")
        parser.add_argument(
            "--leave-out",
            action="append",
            default=[],
            help="folder of a sandbox that is not started this time",
        )
        parser.add_argument("--wait", type=float, default=0.0, help="seconds to wait for Postgres and Redis")
        parser.add_argument(
            "--announce", metavar="URL", help="print plain words, and that the portal is there"
        )
        parser.add_argument("--events", type=int, default=1, help="file descriptor for the progress lines")

    def handle(self, *args: Any, **options: Any) -> None:
        self._events: int | None = None if options["announce"] else options["events"]
        manifest: str | None = options["manifest"]
        if manifest and options["if_there"] and not Path(manifest).exists():
            manifest = None
        self._wait(options["wait"])
        self._stage("database schema", "migrate", verbosity=0, interactive=False)
        self._stage("runbooks", "load_runbooks", verbosity=0)
        login = self._admin()
        self._emit(login=login)
        if options["announce"]:  # before what may fail: a made password would be lost
            self._announce(options["announce"], login["password"], manifest)
        self._systems(manifest, options["leave_out"])

    def _systems(self, manifest: str | None, left_out: list[str]) -> None:
        """A system that cannot be registered stops no portal."""
        if manifest:
            try:
                with transaction.atomic():
                    self._register(manifest)
            except CommandError as error:
                self._emit(stage=f"NOT REGISTERED: {manifest}: {error}", seconds=0.0)
            System.objects.filter(manifest_path=str(Path(manifest).resolve())).update(enabled=True)
        for folder in left_out:
            rows = System.objects.filter(manifest_path__startswith=f"{folder}{os.sep}", enabled=True)
            for row in rows:
                self._emit(stage=f"{row.title} is not watched: it is not started this time", seconds=0.0)
            rows.update(enabled=False)

    def _register(self, manifest: str) -> None:
        """The mini production is there to be repaired: its agent is turned on when it is first seen, never again."""
        before = set(System.objects.values_list("pk", flat=True))
        self._stage("system registered", "register_system", manifest, verbosity=0)
        for row in System.objects.exclude(pk__in=before):
            switch.turn_agent(row, True, "opsportal", "the mini production is there to be repaired")

    def _emit(self, **event: Any) -> None:
        if self._events is not None:
            os.write(self._events, json.dumps(event).encode() + b"\n")
        elif "stage" in event:
            self.stdout.write(f"{event['stage']} ({event['seconds']} s)")

    def _wait(self, seconds: float) -> None:
        """Until both stores answer. CommandError says which does not, and why, when the time is up."""
        until, said = time.monotonic() + seconds, ""
        while seconds and (why := self._away()):
            if time.monotonic() > until:
                raise CommandError(f"after {seconds:.0f} s still {why}")
            if why != said:
                self.stdout.write(f"waiting: {why}")
            said = why
            time.sleep(LOOK_S)

    def _away(self) -> str:
        """Which store does not answer, and why; empty when both do."""
        try:
            connection.ensure_connection()
            heartbeat.client().ping()
        except OperationalError as error:
            return f"no Postgres: {str(error).strip().splitlines()[0]}"
        except redis.RedisError as error:
            return f"no Redis: {error}"
        return ""

    def _announce(self, url: str, password: str | None, manifest: str | None) -> None:
        self.stdout.write(f"\n  The portal     {url}   (in some seconds)")
        if password:
            self.stdout.write(f"  Sign in        admin / {password}   (it stays in this log)")
        else:
            self.stdout.write(
                "  Sign in        admin, with the password you have (new one: changepassword admin)"
            )
        if not manifest:
            self.stdout.write(
                "  Under care     nothing yet: start the mini production too, or register a system"
            )

    def _stage(self, text: str, command: str, *arguments: str, **options: Any) -> None:
        started = time.monotonic()
        call_command(command, *arguments, **options, stdout=self.stderr)
        self._emit(stage=text, seconds=round(time.monotonic() - started, 2))

    def _admin(self) -> dict[str, str | None]:
        """The account `admin`. Its password: the environment's, else generated once and shown once."""
        given = os.environ.get("OPSPORTAL_ADMIN_PASSWORD")
        users = get_user_model().objects
        user = users.filter(username="admin").first()
        if user is None:
            password = given or secrets.token_urlsafe(9)
            users.create_superuser("admin", "", password)
            return {"user": "admin", "password": None if given else password}
        if given and not user.check_password(given):
            user.set_password(given)
            user.save(update_fields=["password"])
        return {"user": "admin", "password": None}
