"""A first manifest of a compose project that runs: what its containers tell, for a person to correct."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

Raw = Mapping[str, Any]
DEPENDS_ON = "com.docker.compose.depends_on"
SERVICE, NUMBER = "com.docker.compose.service", "com.docker.compose.container-number"
KINDS = {
    "postgres": ("postgres", "pgvector", "timescale"),
    "redis": ("redis", "valkey", "keydb"),
    "proxy": ("nginx", "caddy", "traefik", "haproxy", "envoy"),
}
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
URL = re.compile(r"https?://[^\s'\"|;)]+")
LOCAL = re.compile(r"^(https?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d+))?(/.*)?$")
HEAD = """\
# A first draft, written from what the compose project {project} runs now. Correct it, then:
#   ./ops manage register_system {path}
# Logs are read from the containers. {addresses}
"""
FROM_HERE = """\
Addresses are ports published on {where}: what publishes none is watched from
# outside only (is it up, its memory, its logs), so publish its port on 127.0.0.1 to have it probed too."""
INSIDE = """\
Addresses are names on the project's own networks ({networks}):
# the portal's watcher and worker have to be on them too."""


def _environment(raw: Raw) -> dict[str, str]:
    return dict(e.split("=", 1) for e in raw["Config"].get("Env") or [] if "=" in e)


def host_of(engine: str | None) -> str:
    """Where ports that an engine publishes on all addresses are reached from here."""
    url = urlsplit(engine or "")
    return url.hostname if url.scheme in ("tcp", "http", "https", "ssh") and url.hostname else "127.0.0.1"


def published(raw: Raw, here: str = "127.0.0.1") -> dict[int, str]:
    """Port inside -> address, TCP only."""
    found: dict[int, str] = {}
    for port, bindings in (raw["HostConfig"].get("PortBindings") or {}).items():
        live = (raw["NetworkSettings"].get("Ports") or {}).get(port) or bindings or []
        if not port.endswith("/tcp") or not live or not live[0].get("HostPort"):
            continue
        host = live[0].get("HostIp", "")
        reached = here if host in EVERYWHERE else host
        reached = f"[{reached}]" if ":" in reached else reached
        found[int(port.partition("/")[0])] = f"{reached}:{live[0]['HostPort']}"
    return found


def exposed(name: str, raw: Raw) -> dict[int, str]:
    """Port inside -> address on the project's own networks, TCP only."""
    labels = raw["Config"].get("Labels") or {}
    host = labels.get(SERVICE, name)
    if labels.get(NUMBER, "1") != "1":  # the service's name means any of its containers
        host = raw["Name"].lstrip("/")
    told = [*(raw["Config"].get("ExposedPorts") or {}), *(raw["HostConfig"].get("PortBindings") or {})]
    found = [int(port.partition("/")[0]) for port in told if port.endswith("/tcp")]
    if (url := checked_url(raw)) and (local := LOCAL.match(url)):
        found.append(_port(local))
    return {port: f"{host}:{port}" for port in found}


def checked_url(raw: Raw) -> str | None:
    """The address its own health check asks, as seen from inside."""
    test = (raw["Config"].get("Healthcheck") or {}).get("Test") or []
    match = URL.search(" ".join(test))
    return match.group(0) if match else None


def _seen_from_here(url: str, ports: Mapping[int, str]) -> str | None:
    local = LOCAL.match(url)
    if local is None:
        return None
    port = _port(local)
    return f"{local[1]}://{ports[port]}{local[3] or '/'}" if port in ports else None


def _port(local: re.Match[str]) -> int:
    return int(local[2] or (443 if local[1] == "https" else 80))


def _changes(raw: Raw) -> list[int]:
    """Ports inside that get another number here at every start."""
    bindings = raw["HostConfig"].get("PortBindings") or {}
    loose = [p for p, b in bindings.items() if any(e.get("HostPort") in ("", "0", None) for e in b or [{}])]
    return [int(port.partition("/")[0]) for port in loose]


def kind_of(raw: Raw) -> str:
    name = raw["Config"]["Image"].rpartition("/")[2].partition(":")[0].partition("@")[0]
    for kind, words in KINDS.items():
        if any(word in name for word in words):
            return kind
    return "http" if checked_url(raw) or published(raw) else "worker"


def needs(raw: Raw) -> list[str]:
    """The services it depends on, by the label `db:service_healthy:false,cache:service_started:false`."""
    label = (raw["Config"].get("Labels") or {}).get(DEPENDS_ON, "")
    return [part.split(":")[0] for part in label.split(",") if part]


def _wishes(name: str, raw: Raw, kind: str, ports: Mapping[int, str]) -> list[str]:
    """What only a person can fill in, as comments. Never a password: only names of secrets."""
    secret = re.sub(r"\W", "_", name).upper() + "_PASSWORD"
    if kind == "postgres" and 5432 in ports:
        told = _environment(raw)
        user = told.get("POSTGRES_USER", "postgres")
        database = told.get("POSTGRES_DB", user)
        return [f'postgres: {{dsn: "postgresql://{user}:${{{secret}}}@{ports[5432]}/{database}"}}']
    if kind == "redis" and 6379 in ports and "requirepass" in shlex.join(raw["Config"].get("Cmd") or []):
        return [f'redis: {{url: "redis://:${{{secret}}}@{ports[6379]}/0"}}']
    if (url := checked_url(raw)) and not _seen_from_here(url, ports):
        return [f'http: {{url: "{url}"}}   # its own health check; not published here']
    return []


def _warnings(raw: Raw) -> list[str]:
    return [
        f"port {port} gets another number here at every start: publish a fixed one" for port in _changes(raw)
    ]


def service(name: str, raw: Raw, units: Mapping[str, str], ports: Mapping[int, str]) -> dict[str, Any]:
    """One service's part of the manifest. `units`: compose service -> unit; `ports`: as published() or exposed() gives
    them."""
    kind = kind_of(raw)
    found: dict[str, Any] = {"kind": kind, "unit": name}
    if depends := [units[n] for n in needs(raw) if n in units]:
        found["depends_on"] = depends
    url = checked_url(raw)
    if url and (here := _seen_from_here(url, ports)):
        found["http"] = {"url": here}
    elif ports:
        found["tcp"] = next(iter(ports.values()))
    if kind == "redis" and 6379 in ports and not _wishes(name, raw, kind, ports):
        found["redis"] = {"url": f"redis://{ports[6379]}/0"}
    return found


def front_door(services: Mapping[str, dict[str, Any]]) -> str | None:
    """The first service that answers HTTP and that no other needs."""
    needed = {n for s in services.values() for n in s.get("depends_on", ())}
    for name, found in services.items():
        if name not in needed and "http" in found:
            return str(found["http"]["url"])
    return None


def networks(containers: Mapping[str, Raw]) -> list[str]:
    """Those that the containers are on."""
    return sorted({n for raw in containers.values() for n in raw["NetworkSettings"].get("Networks") or {}})


def draft(
    containers: Mapping[str, Raw], path: str, runtime: Mapping[str, Any], *, inside: bool = False
) -> str:
    """The manifest's text. `containers`: unit -> inspection; `path`: where it will be, for the instructions;
    `runtime`: options of the docker driver, `project` at least; `inside`: for a portal on the project's networks."""
    project, prefix = runtime["project"], runtime.get("prefix") or ""
    slug = re.sub(r"[^a-z0-9-]+", "-", (prefix or project).lower()).strip("-")[:60]
    here = host_of(runtime.get("engine"))
    where = "this machine" if here == "127.0.0.1" else here
    addresses = FROM_HERE.format(where=where)
    ports = {name: published(raw, here) for name, raw in containers.items()}
    if inside:
        addresses = INSIDE.format(networks=", ".join(networks(containers)))
        ports = {name: exposed(prefix + name, raw) for name, raw in containers.items()}
    units = {prefix + name: name for name in containers}
    services = {name: service(name, raw, units, ports[name]) for name, raw in sorted(containers.items())}
    options = {"driver": "docker"} | {k: v for k, v in runtime.items() if v}
    head = HEAD.format(project=project, path=path, addresses=addresses)
    lines = [head + _yaml({"system": slug, "runtime": options}).rstrip()]
    door = front_door(services)
    lines.append(f"front_door: {door}" if door else "# front_door: http://127.0.0.1:8080/")
    lines += ["# secrets: secrets.env   # KEY=VALUE lines; use them below as ${KEY}", "services:"]
    for name, found in services.items():
        raw = containers[name]
        lines.append("  " + _entry(name, 0).removesuffix(" 0"))
        lines += [_indented(_entry(key, value), 4) for key, value in found.items()]
        wishes = _wishes(name, raw, found["kind"], ports[name]) + ([] if inside else _warnings(raw))
        lines += [f"    # {wish}" for wish in wishes]
    if door:
        step = _yaml([{"name": "reach the front door", "steps": [{"get": door}]}]).rstrip()
        lines.append("journeys:   # what your users do, step by step: add theirs\n" + _indented(step, 2))
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    plain = json.loads(json.dumps(value))  # nothing shared, so no aliases
    return yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=110)


def _entry(key: str, value: object) -> str:
    """`key: value`, the value in one line where it fits."""
    return re.sub(r"^\{(.*)\}$", r"\1", _yaml({key: value}).rstrip(), flags=re.DOTALL)


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.rstrip().split("\n"))
