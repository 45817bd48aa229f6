"""The sandbox as the injector sees it: ports, superuser, supervisors, files. Chaos only; the portal reads the manifest.

The facts come from site.json in the sandbox's folder. Plain Python, no Django.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis as redis_client
import yaml

CALL_TIMEOUT_S = 30.0
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


class SiteMissing(Exception):
    """This system has no injector's description: faults can be put into the sandbox only."""


@dataclass(frozen=True)
class Site:
    """One running sandbox. Every method acts from outside, with what an operator of that machine has."""

    folder: Path
    facts: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Site:
        try:
            return cls(folder, json.loads((folder / "site.json").read_text()))
        except FileNotFoundError:
            raise SiteMissing(f"{folder} is not a sandbox; faults can be put into the sandbox only") from None

    # --- processes

    def units(self, *, world: bool = False) -> dict[str, dict[str, Any]]:
        """{unit: {state, pid, fatal, ...}} of the shop, or of the world outside."""
        found: dict[str, dict[str, Any]] = self._call({"op": "status"}, world)["services"]
        return found

    def pid(self, unit: str) -> int | None:
        state = self.units()[unit]
        return state["pid"] if state["state"] in ("RUNNING", "STARTING") else None

    def start_if_dead(self, unit: str, *, world: bool = False) -> None:
        if self.units(world=world)[unit]["state"] in ("FATAL", "STOPPED", "BACKOFF"):
            self._call({"op": "start", "service": unit}, world)

    def hup(self, unit: str) -> None:
        """Have it read its configuration again; a dead one reads it when it starts."""
        self._kill(unit, signal.SIGHUP)

    def bounce(self, unit: str) -> None:
        """End the process; its supervisor starts the next."""
        self._kill(unit, signal.SIGTERM)

    def _kill(self, unit: str, number: int) -> None:
        pid = self.pid(unit)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def is_stopped(self, pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def hot_children(self, unit: str, percent: float) -> list[str]:
        """Child processes of a unit that use more than this share of a core right now."""
        pid = self.pid(unit)
        if pid is None:
            return []
        children = psutil.Process(pid).children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.cpu_percent()
        time.sleep(0.2)
        found = []
        for child in children:
            with contextlib.suppress(psutil.Error):
                if child.cpu_percent() > percent:
                    found.append(" ".join(child.cmdline()[-2:]))
        return found

    def _call(self, request: dict[str, Any], world: bool) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(CALL_TIMEOUT_S)
            sock.connect(self.facts["world_socket" if world else "supervisor_socket"])
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile() as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        if not answer.get("ok"):
            raise OSError(str(answer.get("error", "the supervisor refused")))
        return answer

    # --- files

    def config_path(self, unit: str) -> Path:
        return self.folder / "etc" / f"{unit}.yaml"

    def log_path(self, unit: str) -> Path:
        return self.folder / "log" / f"{unit}.log"

    def write_atomic(self, path: Path, text: str) -> None:
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(text)
        fresh.chmod(path.stat().st_mode & 0o777)
        fresh.rename(path)

    def edit_config(self, unit: str, key: str, value: Any) -> None:
        """Set a dotted key; ValueError when its parents are not there."""
        path = self.config_path(unit)
        data = yaml.safe_load(path.read_text())
        node = data
        *parents, last = key.split(".")
        for name in parents:
            if not isinstance(node.get(name), dict):
                raise ValueError(f"{path.name} has no {key}")
            node = node[name]
        node[last] = value
        self.write_atomic(path, yaml.safe_dump(data, sort_keys=False, width=110, allow_unicode=True))

    def config_value(self, unit: str, key: str) -> Any:
        """The present value of a dotted key; None when absent or the file is broken."""
        try:
            node = yaml.safe_load(self.config_path(unit).read_text())
        except yaml.YAMLError:
            return None
        for name in key.split("."):
            node = node.get(name) if isinstance(node, dict) else None
        return node

    def config_parses(self, unit: str) -> bool:
        try:
            return isinstance(yaml.safe_load(self.config_path(unit).read_text()), dict)
        except yaml.YAMLError:
            return False

    # --- stores

    def superuser(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Autocommit; closes at the end of its `with`."""
        return psycopg.connect(self.facts["super_dsn"], autocommit=True, connect_timeout=5)

    def redis(self) -> redis_client.Redis:
        return redis_client.Redis.from_url(self.facts["redis_url"], socket_timeout=5, decode_responses=True)

    def login_fails(self, unit: str, key: str) -> str:
        """Whether what stands in a unit's environment file can log in to the database, past any edge."""
        lines = (self.folder / "etc" / f"{unit}.env").read_text().splitlines()
        dsn = next((line.split("=", 1)[1] for line in lines if line.startswith(f"{key}=")), "")
        try:
            parts = psycopg.conninfo.conninfo_to_dict(dsn)
            port = self.facts["ports"]["postgres"]
            psycopg.connect(**{**parts, "port": port, "connect_timeout": 3}).close()
        except psycopg.OperationalError as error:
            return f"{unit}: {str(error).strip().splitlines()[-1]}"
        return ""

    # --- HTTP

    def answers(self, unit: str) -> str:
        """ "" when the unit's health page answers 200, else why not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.facts['ports'][unit]}/healthz", timeout=2):
                return ""
        except OSError as error:
            return f"{unit} does not answer: {error}"

    def post(self, unit: str, path: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.facts['ports'][unit]}{path}", method="POST", data=b""
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def job(self, name: str, verb: str) -> None:
        """run, pause or resume a job of the batch service."""
        self.post("batch", f"/jobs/{name}/{verb}")

    def edge(self, name: str) -> dict[str, Any]:
        """{name, path, ok, medium, ...} of a network edge."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.facts['ports']['net']}/edges", timeout=5
        ) as answer:
            edges: list[dict[str, Any]] = json.loads(answer.read())
        return next(e for e in edges if e["name"] == name)

    # --- network

    def wire(self, edge: str, *, up: bool) -> bool:
        """Take the loopback of an edge's own network namespace up or down. False when it has no namespace."""
        if self.edge(edge)["medium"] != "netns":
            return False
        pid = int(Path(self.facts["edges"][edge]["pidfile"]).read_text())
        child = os.fork()
        if child == 0:  # a namespace is entered for good: in a child that then ends
            try:
                _set_loopback(pid, up=up)
                os._exit(0)
            except BaseException:
                os._exit(1)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            raise OSError(f"could not enter the network namespace of {edge} (process {pid})")
        return True


def _set_loopback(pid: int, *, up: bool) -> None:
    import fcntl

    libc = ctypes.CDLL(None, use_errno=True)
    kinds = (
        (("net", _CLONE_NEWNET),) if os.geteuid() == 0 else (("user", _CLONE_NEWUSER), ("net", _CLONE_NEWNET))
    )
    for name, flag in kinds:
        fd = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
        if libc.setns(fd, flag) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack_from("h", request, 16)[0]
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))
