"""A first manifest of a compose project that runs: what its containers tell, for a person to correct."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

Raw = Mapping[str, Any]
DEPENDS_ON = "com.docker.compose.depends_on"
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
# Logs are read from the containers. Addresses are ports published on this machine: what publishes none is watched from
# outside only (is it up, its memory, its logs), so publish its port on 127.0.0.1 to have it probed too.
"""


def _environment(raw: Raw) -> dict[str, str]:
    return dict(e.split("=", 1) for e in raw["Config"].get("Env") or [] if "=" in e)


def published(raw: Raw) -> dict[int, str]:
    """Port inside -> address here, TCP only."""
    found: dict[int, str] = {}
    for port, bindings in (raw["HostConfig"].get("PortBindings") or {}).items():
        live = (raw["NetworkSettings"].get("Ports") or {}).get(port) or bindings or []
        if not port.endswith("/tcp") or not live or not live[0].get("HostPort"):
            continue
        host = live[0].get("HostIp", "")
        found[int(port.partition("/")[0])] = (
            f"{'127.0.0.1' if host in EVERYWHERE else host}:{live[0]['HostPort']}"
        )
    return found


def checked_url(raw: Raw) -> str | None:
    """The address its own health check asks, as seen from inside."""
    test = (raw["Config"].get("Healthcheck") or {}).get("Test") or []
    match = URL.search(" ".join(test))
    return match.group(0) if match else None


def _seen_from_here(url: str, ports: Mapping[int, str]) -> str | None:
    local = LOCAL.match(url)
    if local is None:
        return None
    port = int(local[2] or (443 if local[1] == "https" else 80))
    return f"{local[1]}://{ports[port]}{local[3] or '/'}" if port in ports else None


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


def service(name: str, raw: Raw, all_names: set[str]) -> dict[str, Any]:
    """One service's part of the manifest."""
    ports, kind = published(raw), kind_of(raw)
    found: dict[str, Any] = {"kind": kind, "unit": name}
    if depends := [n for n in needs(raw) if n in all_names]:
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


def draft(project: str, containers: Mapping[str, Raw], path: str, engine: str | None = None) -> str:
    """The manifest's text. `containers`: unit -> inspection; `path`: where it will be, for the instructions."""
    slug = re.sub(r"[^a-z0-9-]+", "-", project.lower()).strip("-")[:60]
    names = set(containers)
    services = {name: service(name, raw, names) for name, raw in sorted(containers.items())}
    runtime = {"driver": "docker", "project": project} | ({"engine": engine} if engine else {})
    lines = [HEAD.format(project=project, path=path) + _yaml({"system": slug, "runtime": runtime}).rstrip()]
    door = front_door(services)
    lines.append(f"front_door: {door}" if door else "# front_door: http://127.0.0.1:8080/")
    lines += ["# secrets: secrets.env   # KEY=VALUE lines; use them below as ${KEY}", "services:"]
    for name, found in services.items():
        raw = containers[name]
        lines.append("  " + _entry(name, 0).removesuffix(" 0"))
        lines += [_indented(_entry(key, value), 4) for key, value in found.items()]
        lines += [f"    # {wish}" for wish in _wishes(name, raw, found["kind"], published(raw))]
    if door:
        step = _yaml([{"name": "front-door", "steps": [{"get": door}]}]).rstrip()
        lines.append("journeys:   # what your users do, step by step: add theirs\n" + _indented(step, 2))
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=110)


def _entry(key: str, value: object) -> str:
    """`key: value`, the value in one line where it fits."""
    return re.sub(r"^\{(.*)\}$", r"\1", _yaml({key: value}).rstrip(), flags=re.DOTALL)


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.rstrip().split("\n"))
