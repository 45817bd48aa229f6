"""Whether containers can be made here."""

from __future__ import annotations

import subprocess
from functools import cache

from tests.systems.runtimes import docker_bench


@cache
def why_no_compose() -> str:
    """Why a compose project cannot be started on this machine; empty when it can."""
    if why := docker_bench.why_not():
        return why
    for argv, what in (
        (["docker", "compose", "version"], "docker has no compose plugin"),
        (["docker", "buildx", "version"], "docker has no buildx plugin"),
    ):
        try:
            if subprocess.run(argv, capture_output=True).returncode:
                return what
        except FileNotFoundError:
            return "there is no docker command"
    return ""
