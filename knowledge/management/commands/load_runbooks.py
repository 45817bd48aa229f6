"""Load the runbooks that come with the portal; edited ones are left alone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from knowledge import service


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = service.load_seeds()
        except service.InvalidRunbook as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"runbooks: {len(done.created)} new, {len(done.updated)} updated, {len(done.kept)} kept"
        )
