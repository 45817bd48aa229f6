"""Kills an executor with SIGKILL at its lines in turn, and settles what is left. Run by test_crash.

Arguments: manifest, effects file, the first line and how many lines further each time. Prints one JSON line of figures.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
django.setup()

from django.db import connection, connections  # noqa: E402
from django.db.models.functions import Now  # noqa: E402

from actions import service  # noqa: E402
from actions.models import ActionRequest, Status  # noqa: E402
from systems import services  # noqa: E402
from systems.models import System  # noqa: E402
from systems.runtimes.base import UnitState  # noqa: E402
from systems.runtimes.fake import FakeRuntime  # noqa: E402

WATCHED = (
    "actions/execution.py",
    "actions/fences.py",
    "actions/lifecycle.py",
    "actions/effects.py",
    "actions/audit.py",
)


class FileRuntime(FakeRuntime):
    """Restarts are lines of a file, so that they outlive the process that made them; the pid is their number."""

    file: Path

    def _count(self) -> int:
        return len(self.file.read_text().splitlines())

    def state(self, unit: str) -> UnitState:
        return UnitState(unit, "RUNNING", 1000 + self._count())

    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        with self.file.open("a") as file:
            file.write(f"{unit} {fence}\n")
            file.flush()
            os.fsync(file.fileno())
        return self.state(unit)


def killed_at(line: int, request: ActionRequest) -> bool:
    """Execute in a child that kills itself at its n-th line. False when it got to its end."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        seen = 0

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal seen
            if not frame.f_code.co_filename.endswith(WATCHED):
                return None
            if event == "line":
                seen += 1
                if seen == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        service.execute(request.pk)
        sys.settrace(None)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def main(manifest: Path, effects_file: Path, first: int, step: int) -> None:
    care = services.register(manifest)
    System.objects.filter(pk=care.pk).update(agent_on=True)
    loaded = services.load("tiny")
    runtime = loaded.runtime
    runtime.__class__ = FileRuntime
    runtime.file = effects_file  # type: ignore[attr-defined]
    outcomes: Counter[str] = Counter()
    doubles = unresolved = wrong = 0
    line = first - step
    slowest = 0.0
    while True:
        line += step
        effects_file.write_text("")
        request = service.propose("tiny", "restart-service", "web-1", {}, requested_by="agent")
        died = killed_at(line, request)
        row = ActionRequest.objects.get(pk=request.pk)
        if row.status in (Status.RUNNING, Status.UNKNOWN):  # as if the lease had run out
            ActionRequest.objects.filter(pk=row.pk, lease_until__isnull=False).update(lease_until=Now())
            began = time.monotonic()
            service.resolve_unknown()
            slowest = max(slowest, time.monotonic() - began)
        elif row.status == Status.APPROVED:  # killed before its claim: a later wake-up runs it
            service.execute(row.pk)
        row.refresh_from_db()
        effects = len(effects_file.read_text().splitlines())
        outcomes[row.status] += 1
        doubles += effects > 1
        unresolved += row.status not in (Status.SUCCEEDED, Status.FAILED)
        wrong += (row.status == Status.SUCCEEDED) != (effects == 1)
        service.execute(row.pk)  # a repeated wake-up
        doubles += len(effects_file.read_text().splitlines()) > max(effects, 1)
        if not died:
            break
    connection.close()
    figures = {"lines": line, "doubles": doubles, "unresolved": unresolved, "wrong": wrong, **outcomes}
    print(json.dumps(figures | {"slowest_settling_s": round(slowest, 3)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
