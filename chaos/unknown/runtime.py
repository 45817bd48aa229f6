"""How parts are run: what they may use, whether they run at all, and who else is there."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from chaos.faults.base import FaultFailed, Undo
from chaos.hands.base import ALIVE
from chaos.site import Site
from chaos.unknown.base import Value
from chaos.unknown.files import start
from chaos.unknown.orders import waiting


class OfRuntime(Value):
    family = "runtime"

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site) if undo["chosen"][0] == "worker" else ""


class LittleMemory(OfRuntime):
    """Enough for some other service."""

    id = "little_memory"
    title = "A part may use less memory than it needs"
    kind = "limit"
    causes = ("", "memory_limit_too_low")  # that runbook is of this very thing
    drivers = ("process",)
    choices = (
        ("frontend", "memory", 14),
        ("gateway", "memory", 16),
        ("worker", "memory", 20),
        ("api", "memory", 40),
        ("api", "memory", 32),
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        seen = site.hands.units()
        return {unit: seen[unit]["memory_limit_mb"] for unit in self.units(chosen)}

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        """Between two processes: what one has already, it keeps."""
        for unit in self.units(chosen):
            site.hands.stop(unit)
            site.hands.set_memory_limit(unit, chosen[2])
            with suppress(OSError):
                site.hands.start(unit)

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        for unit, limit in was.items():
            site.hands.set_memory_limit(unit, limit)

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        start(site, self.units(undo["chosen"]))

    def is_well(self, now: Any, was: Any) -> bool:
        return all(limit is None or limit >= 100 for limit in now.values())


class FewFiles(OfRuntime):
    """Of the running process, for which its callers count as well: the next one begins with what it always had."""

    id = "few_files"
    title = "A part may have hardly any files open"
    kind = "limit"
    drivers = ("process",)
    choices = tuple((part, "open files", spare) for part in ("gateway", "api") for spare in (0, 1))

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return {unit: self._limit(site, unit) for unit in self.units(chosen)}

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        for unit in self.units(chosen):
            pid = self._pid(site, unit)
            process = psutil.Process(pid)
            calls = [c for c in process.net_connections("tcp") if c.status != psutil.CONN_LISTEN]
            open_ = process.num_fds() - len(calls)  # what it has without anybody calling
            hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_ + chosen[2], hard))

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        for unit, limit in was.items():
            pid = self._pid(site, unit)
            resource.prlimit(
                pid, resource.RLIMIT_NOFILE, (limit, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1])
            )

    def is_well(self, now: Any, was: Any) -> bool:
        return all(limit >= 500 for limit in now.values())

    def _limit(self, site: Site, unit: str) -> int:
        return resource.prlimit(self._pid(site, unit), resource.RLIMIT_NOFILE)[0]

    def _pid(self, site: Site, unit: str) -> int:
        pid = site.hands.units()[unit]["pid"]
        if not pid:
            raise FaultFailed(f"{unit} does not run")
        return int(pid)


class Stopped(OfRuntime):
    """In order, by hand, for work that is over by now."""

    id = "stopped"
    title = "A part was stopped and not started again"
    kind = "act"
    causes = ("", "process_dead")
    choices = (
        ("frontend", "stop"),
        ("worker", "stop"),
        ("api", "stop"),
        ("gateway", "stop"),
        ("redis", "stop"),
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        seen = site.hands.units()
        return [unit for unit in self.units(chosen) if seen[unit]["state"] not in ALIVE]

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        for unit in self.units(chosen):
            site.hands.stop(unit)

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        start(site, self.units(chosen))

    def is_well(self, now: Any, was: Any) -> bool:
        return not now


class PortTaken(OfRuntime):
    """Somebody's own little server, begun while the port was free."""

    id = "port_taken"
    title = "Another program has taken a part's port"
    causes = ("", "port_taken")  # that runbook names the stranger, rightly
    kind = "act"
    family = "network"
    drivers = ("process",)
    choices = (("frontend", "port"), ("worker", "port"), ("gateway", "port"))

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return [p.pid for p in psutil.process_iter() if self._is_it(site, chosen, p)]

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        site.hands.stop(chosen[0])
        folder = Path(tempfile.gettempdir()) / "public"
        folder.mkdir(exist_ok=True)
        subprocess.Popen(
            [sys.executable, *self._argv(site, chosen)],
            cwd=folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 5
        while "refused" in site.answers(chosen[0]) and time.monotonic() < until:
            time.sleep(0.1)
        with suppress(OSError):
            site.hands.start(chosen[0])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        for pid in self.look(site, chosen):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                process.kill()
                with suppress(psutil.TimeoutExpired):
                    process.wait(3)

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        start(site, self.units(undo["chosen"]))

    def is_well(self, now: Any, was: Any) -> bool:
        return not now

    def _argv(self, site: Site, chosen: list[Any]) -> list[str]:
        host, port = site.facts["addresses"][chosen[0]].split(":")
        return ["-m", "http.server", port, "--bind", host]

    def _is_it(self, site: Site, chosen: list[Any], process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.cmdline()[1:] == self._argv(site, chosen)
        return False


class HelperStopped(OfRuntime):
    """What it carries already goes on; what is new gets nowhere, and the line itself is measured well."""

    id = "helper_stopped"
    title = "A process that the network hands its lines out with is gone or halted"
    causes = ("", "edge_down")  # nothing comes through, and the far end is well
    kind = "act"
    drivers = ("process",)
    components = ("net",)
    may_touch = ("api", "api-1", "api-2")
    choices = (("net", "api-db", int(signal.SIGSTOP)), ("net", "api-db", int(signal.SIGKILL)))

    def look(self, site: Site, chosen: list[Any]) -> Any:
        try:
            return psutil.Process(self._pid(site, chosen)).status() in (
                psutil.STATUS_STOPPED,
                psutil.STATUS_ZOMBIE,
            )
        except (psutil.NoSuchProcess, FileNotFoundError):
            return True

    def inverse(self, site: Site, seed: int) -> Undo:
        undo = super().inverse(site, seed)
        if undo["was"]:
            raise FaultFailed("the network has no such process here")
        return undo

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        os.kill(self._pid(site, chosen), chosen[2])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid(site, chosen), signal.SIGCONT)
        site.post("net", f"/edges/{chosen[1]}/reset")

    def still_broken(self, site: Site, undo: Undo) -> str:
        edge = site.edge(undo["chosen"][1])
        there = edge["path"] == "A" and self.look(site, undo["chosen"])
        return f"the process of {undo['chosen'][1]} does not run" if there else ""

    def _pid(self, site: Site, chosen: list[Any]) -> int:
        return int(Path(site.facts["wires"][chosen[1]]).read_text())
