"""What the engine's answers mean: containers as units, events as history, and the successor of a container."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..base import RUNNING, RuntimeFailed, UnitState

COMPOSE = "com.docker.compose."
MB = 1024 * 1024
TERM = ("15", "TERM", "SIGTERM")
NETWORKLESS = ("host", "none", "container")
Networks = dict[str, dict[str, Any]]
GRACE_DEFAULT_S = 10  # the engine's own, where a container names none
Made = tuple[str, dict[str, Any], Networks]  # a container's name, what to create, and its further networks
OF_THE_IMAGE = ("Cmd", "Entrypoint", "WorkingDir", "User", "Healthcheck", "StopSignal", "Shell", "Volumes")


@dataclass(slots=True)
class Past:
    """What happened to one unit since its events are known. wanted: somebody asked for the last stop. tended: somebody
    is at work on it since it died, so that its next start is no doing of the engine's."""

    restarts: int = 0
    oom_kills: int = 0
    exit_code: int | None = None
    died: bool = False
    wanted: bool = False
    tended: bool = False
    frozen: bool = False

    def note(self, event: Mapping[str, Any]) -> None:
        """One event of the engine, in order. Every one counts once: the caller drops what it has seen."""
        action, more = event.get("Action", ""), event.get("Actor", {}).get("Attributes", {})
        if action == "die":
            self.exit_code = exit_code(int(more.get("exitCode", 0)))
            self.died = True
        elif action == "oom":
            self.oom_kills += 1
        elif action in ("pause", "unpause"):
            self.frozen = action == "pause"
        elif action == "stop" or (action == "kill" and (self.frozen or more.get("signal") in TERM)):
            self.wanted = True  # the driver ends a paused unit only to stop or restart it
        elif action == "update":
            self.tended = self.died
        elif action == "start":
            self.restarts += self.died and not (self.wanted or self.tended)
            self.died = self.wanted = self.tended = self.frozen = False


@dataclass(slots=True, frozen=True)
class Scope:
    """Which containers are units: those of a compose project whose service begins with `prefix`, which units drop."""

    project: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.project} ({self.prefix}*)" if self.prefix else self.project

    @property
    def labels(self) -> list[str]:
        """What the engine can filter by."""
        return [f"{COMPOSE}project={self.project}"]

    def unit_of(self, labels: Mapping[str, str]) -> str:
        """The compose service; replicas after the first carry their number. Empty: not one of ours."""
        service = labels.get(COMPOSE + "service", "")
        if labels.get(COMPOSE + "oneoff", "False") == "True" or not service.startswith(self.prefix):
            return ""
        name, number = service.removeprefix(self.prefix), labels.get(COMPOSE + "container-number", "1")
        return f"{name}-{number}" if name and number != "1" else name


def exit_code(code: int) -> int:
    """137 is how the engine spells: ended by signal 9."""
    return 128 - code if 128 < code <= 192 else code


def epoch(text: str | None) -> float | None:
    """Seconds of the engine's time stamps (nanoseconds, Z); None for its `never`."""
    if not text or text.startswith("0001-"):
        return None
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(head + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def tag_of(image: str) -> str | None:
    """The release an image's name tells: its tag, but `latest` and digests tell none."""
    name, _, tag = image.rpartition(":")
    return tag if name and "/" not in tag and "@" not in image and tag != "latest" else None


def with_tag(image: str, tag: str) -> str:
    """The same image at another release."""
    name, _, old = image.partition("@")[0].rpartition(":")
    return f"{name if name and '/' not in old else image.partition('@')[0]}:{tag}"


def _policy(raw: Mapping[str, Any]) -> tuple[str, int]:
    policy = raw["HostConfig"].get("RestartPolicy") or {}
    return policy.get("Name") or "no", int(policy.get("MaximumRetryCount") or 0)


def grace_of(raw: Mapping[str, Any]) -> int:
    """Seconds that the container has to end by itself."""
    return int(raw["Config"].get("StopTimeout") or GRACE_DEFAULT_S)


def comes_back(raw: Mapping[str, Any]) -> bool:
    """Would the engine start it again after a crash?"""
    return _policy(raw)[0] != "no"


def _state(raw: Mapping[str, Any], past: Past) -> str:
    state = raw["State"]
    if state.get("Restarting"):
        return "BACKOFF"
    if state.get("Running"):
        return RUNNING
    if state.get("Status") == "removing":
        return "STOPPING"
    if epoch(state.get("StartedAt")) is None:
        return "FATAL" if state.get("Error") else "STOPPED"
    code = state.get("ExitCode", 0)
    # where nobody remembers: a stop gives 0, 143 or 137
    down = not past.wanted and past.exit_code != 0 if past.died else code not in (0, 137, 143)
    return "FATAL" if down or state.get("OOMKilled") or state.get("Dead") else "STOPPED"


def unit_state(unit: str, raw: Mapping[str, Any], past: Past, memory_total: int) -> UnitState:
    """A container's inspection as the unit it is. memory_total: bytes of the machine, a limit as good as none."""
    state = raw["State"]
    running = bool(state.get("Running")) and bool(state.get("Pid"))
    name = _state(raw, past)
    limit = int(raw["HostConfig"].get("Memory") or 0)
    limited = 0 < limit < memory_total
    ended = None if epoch(state.get("StartedAt")) is None else exit_code(int(state.get("ExitCode") or 0))
    return UnitState(
        unit=unit,
        state=name,
        pid=int(state["Pid"]) if running else None,
        exit_code=past.exit_code if running or ended is None else ended,
        restarts=max(int(raw.get("RestartCount") or 0), past.restarts),
        started_at=epoch(state.get("StartedAt")) if running else None,
        fatal=name == "FATAL",
        oom_kills=max(past.oom_kills, int(bool(state.get("OOMKilled")))),
        memory_limit_mb=limit / MB if limited else None,
        release=tag_of(raw["Config"]["Image"]),
        limit_kind="cgroup" if limited else None,
    )


def endpoints(raw: Mapping[str, Any]) -> Networks:
    """The networks of a container with what a reconnection must repeat: aliases and fixed addresses."""
    found: Networks = {}
    for name, end in (raw["NetworkSettings"].get("Networks") or {}).items():
        aliases = [a for a in end.get("Aliases") or [] if a != raw["Id"][:12]]
        kept = {"Aliases": aliases, "IPAMConfig": end.get("IPAMConfig"), "Links": end.get("Links")}
        found[name] = {k: v for k, v in kept.items() if v}
    return found


def _binds(raw: Mapping[str, Any]) -> list[str]:
    """The bind list, with the volumes nobody named added: the successor must keep their data."""
    binds = list(raw["HostConfig"].get("Binds") or [])
    told = {b.split(":")[1] for b in binds if ":" in b}
    told |= {m.get("Target") for m in raw["HostConfig"].get("Mounts") or []}
    nameless = [m for m in raw.get("Mounts") or [] if m.get("Type") == "volume"]
    return binds + [f"{m['Name']}:{m['Destination']}" for m in nameless if m.get("Destination") not in told]


def successor(raw: Mapping[str, Any], old: Mapping[str, Any], image: str) -> tuple[dict[str, Any], Networks]:
    """(what to create, further networks): the same container on another image.

    What it had from its old image (`old`: that image's Config) is left for the new image to say.
    """
    config = {k: v for k, v in raw["Config"].items() if k not in ("Hostname", "MacAddress")}
    if raw["Config"].get("Hostname") != raw["Id"][:12]:
        config["Hostname"] = raw["Config"].get("Hostname")
    for key in OF_THE_IMAGE:
        if config.get(key) == old.get(key):
            config.pop(key, None)
    inherited = set(old.get("Env") or [])
    config["Env"] = [e for e in config.get("Env") or [] if e not in inherited]
    labels = old.get("Labels") or {}
    config["Labels"] = {k: v for k, v in (config.get("Labels") or {}).items() if labels.get(k) != v}
    host = dict(raw["HostConfig"]) | {"Binds": _binds(raw)}
    networks = endpoints(raw)
    mode = str(host.get("NetworkMode") or "default").partition(":")[0]
    first: dict[str, dict[str, Any]] = {}
    if mode not in NETWORKLESS:
        name = mode if mode in networks else "bridge" if mode == "default" else ""
        if name in networks:
            first = {name: networks.pop(name)}
    config |= {"Image": image, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": first}}
    return config, {} if mode in NETWORKLESS else networks


def numbered(name: str, number: int) -> str:
    """The name of a service's container with that number, made of the first one's."""
    return (
        re.sub(r"([-_])1$", r"\g<1>" + str(number), name)
        if re.search(r"[-_]1$", name)
        else f"{name}-{number}"
    )


def twin(raw: Mapping[str, Any], old: Mapping[str, Any], image: str, number: int) -> Made:
    """A further container of the same service: the same but for what only one can have, which is a fixed port of the
    machine, a fixed address, a name, and the volumes that nobody named. RuntimeFailed: it has no network of its own."""
    mode = str(raw["HostConfig"].get("NetworkMode") or "default").partition(":")[0]
    if mode in ("host", "container"):
        raise RuntimeFailed(f"it lives in the network of another ({mode}), where its ports are taken")
    first = raw["Name"].lstrip("/")
    name = numbered(first, number)
    ports = raw["HostConfig"].get("PortBindings") or {}
    free = {
        p: b for p, b in ports.items() if not any(e.get("HostPort") not in ("", "0", None) for e in b or [])
    }
    ends = {
        network: end
        | {"IPAMConfig": None, "Aliases": [name if a == first else a for a in end.get("Aliases", ())]}
        for network, end in endpoints(raw).items()
    }
    bare = dict(raw) | {
        "HostConfig": dict(raw["HostConfig"]) | {"PortBindings": free},
        "NetworkSettings": {"Networks": ends},
        "Mounts": [],
    }
    config, networks = successor(bare, old, image)
    config["Labels"] = config["Labels"] | {f"{COMPOSE}container-number": str(number)}
    return name, config, networks
