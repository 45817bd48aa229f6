"""The containers of a compose project, through the docker command that the person who started them has."""

from __future__ import annotations

import json
import subprocess

LABEL = "com.docker.compose."
GRACE_S = "3"


class Engine:
    """`project`: the compose project. OSError when the command is missing or fails; the text is its own."""

    def __init__(self, project: str) -> None:
        self.project = project

    def _run(self, *argv: str) -> str:
        done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"docker {argv[0]}: {done.stderr.strip()}")
        return done.stdout

    def services(self) -> dict[str, str]:
        """Service -> container id, of all that exist."""
        wanted = f"label={LABEL}project={self.project}"
        out = self._run("ps", "-a", "--no-trunc", "--filter", wanted, "--format", "{{json .}}")
        rows = [json.loads(line) for line in out.splitlines()]
        labels = [dict(part.partition("=")[::2] for part in row["Labels"].split(",")) for row in rows]
        return {told.get(f"{LABEL}service", ""): row["ID"] for row, told in zip(rows, labels, strict=True)}

    def restart(self, names: list[str]) -> None:
        """Those of `names` that exist, together."""
        there = self.services()
        found = [there[name] for name in names if name in there]
        if not found:
            raise OSError(f"no container of {self.project} is there: start the shop first")
        self._run("restart", "-t", GRACE_S, *found)
