"""How containers are run, as plain texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..base import Setting, Specs
from .view import COMPOSE, MB, endpoints

Raws = Mapping[str, Mapping[str, Any]]


def specs_of(raws: Raws) -> Specs:
    """Unit -> how it is run, from the engine's inspections."""
    count = Counter(_service(raw) for raw in raws.values())
    return {
        unit: {
            name: Setting(str(value))
            for name, value in _texts(raw, count[_service(raw)]).items()
            if value not in (None, "", [])
        }
        for unit, raw in raws.items()
    }


def _service(raw: Mapping[str, Any]) -> str:
    return str((raw["Config"].get("Labels") or {}).get(COMPOSE + "service", ""))


def _texts(raw: Mapping[str, Any], count: int) -> dict[str, Any]:
    config, host = raw["Config"], raw["HostConfig"]
    policy = host.get("RestartPolicy") or {}
    name, tries = policy.get("Name") or "never", policy.get("MaximumRetryCount")
    health = (config.get("Healthcheck") or {}).get("Test")
    found: dict[str, Any] = {
        "image": config.get("Image"),
        "command": " ".join([*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]),
        "directory": config.get("WorkingDir"),
        "user": config.get("User"),
        "stop signal": config.get("StopSignal"),
        "restart policy": "never" if name == "no" else f"{name}, at most {tries} times" if tries else name,
        "memory reservation": _megabytes(host.get("MemoryReservation")),
        "cpus": host["NanoCpus"] / 1e9 if host.get("NanoCpus") else None,
        "cpu shares": host.get("CpuShares") or None,
        "processes": host.get("PidsLimit") or None,
        "privileged": "yes" if host.get("Privileged") else "no",
        "read only": "yes" if host.get("ReadonlyRootfs") else "no",
        "health check": " ".join(health) if isinstance(health, list) else health,
        "replicas": count,
    }
    found |= {f"environment: {k}": v for k, _, v in (e.partition("=") for e in config.get("Env") or [])}
    found |= {
        f"network {n}": ", ".join(sorted(end.get("Aliases", ()))) or "on it"
        for n, end in endpoints(raw).items()
    }
    found |= {f"capability {cap}": "added" for cap in host.get("CapAdd") or []}
    found |= {f"capability {cap}": "dropped" for cap in host.get("CapDrop") or []}
    found |= {f"mount {m['Destination']}": _mount(m) for m in raw.get("Mounts") or [] if m.get("Destination")}
    found |= {f"port {port}": _ends(ends) for port, ends in (host.get("PortBindings") or {}).items()}
    return found


def _mount(mount: Mapping[str, Any]) -> str:
    place = mount.get("Name") or mount.get("Source") or mount.get("Type")
    return f"{place} ({'read and write' if mount.get('RW') else 'read only'})"


def _ends(ends: Any) -> str:
    return ", ".join(f"{e.get('HostIp') or '*'}:{e.get('HostPort') or 'any'}" for e in ends or [])


def _megabytes(count: int | None) -> str | None:
    return f"{count / MB:g} MB" if count else None
