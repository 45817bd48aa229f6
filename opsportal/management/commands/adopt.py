"""`./ops adopt PROJECT [--out FILE | -] [--inside]`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from systems.adopt import draft
from systems.manifest import ManifestError, parse_manifest
from systems.runtimes.base import RuntimeFailed
from systems.runtimes.docker.driver import DockerRuntime


class Command(BaseCommand):
    help = "Write a first manifest of a running compose project, for you to correct and register."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the name that `docker compose ls` shows")
        parser.add_argument(
            "--prefix", help="only the services that begin so, where the project holds several systems"
        )
        parser.add_argument("--out", help="the file to write (PROJECT.yaml); - prints it")
        parser.add_argument("--engine", help="where the Docker engine answers, unless DOCKER_HOST says it")
        parser.add_argument(
            "--inside",
            action="store_true",
            help="address the services by their names on the project's networks (for a portal that is on them)",
        )
        parser.add_argument("--force", action="store_true", help="write over a file that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        project, prefix = options["project"], options["prefix"] or ""
        out = options["out"] or f"{prefix.strip('-_.') or project}.yaml"
        if out != "-" and Path(out).exists() and not options["force"]:
            raise CommandError(f"{out} is there already: name another file with --out, or use --force")
        try:
            runtime = {"project": project, "prefix": prefix, "engine": options["engine"]}
            containers = DockerRuntime(runtime, Path.cwd()).inspections()
        except RuntimeFailed as error:
            raise CommandError(str(error)) from error
        if not containers:
            of = f" with services {prefix}*" if prefix else ""
            raise CommandError(f"no container runs as part of a compose project {project!r}{of}: is it up?")
        text = draft(containers, "MANIFEST" if out == "-" else out, runtime, inside=options["inside"])
        try:
            parse_manifest(text, name=out)
        except ManifestError as error:
            self.stderr.write(f"The draft needs your hand before it can be registered:\n{error}")
        if out == "-":
            self.stdout.write(text)
            return
        Path(out).write_text(text)
        self.stdout.write(
            f"{out}: {len(containers)} services. Correct it, then: ./ops manage register_system {out}"
        )
