"""The shop as containers of a compose project: addresses are names, files lie in /srv/shop, releases are image tags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .layout import API_VERSION, EDGES, FRONTEND_VERSION, OFFSETS, SECOND, Layout
from .metrics import metrics

HOME = Path("/srv/shop")
BASE = 18080  # ports inside are always the same
PREFIX, WORLD_PREFIX = "shop-", "world-"  # of the names in the compose file
WORLD = ("upstream", "fallback", "cloud", "newcomers")
VOLUMES = {name: f"/srv/volumes/{name}" for name in ("applog", "scratch")}  # where a container has them
PASSWORD_FILE = "postgres-password"
RELEASES = {"api-1": API_VERSION, "api-2": API_VERSION, "frontend": FRONTEND_VERSION}


@dataclass(frozen=True)
class Containers(Layout):
    """`published`: the first port on this machine when the operators are outside of the containers' network."""

    project: str = ""
    published: int | None = None

    def listen(self, name: str) -> str:
        return f"0.0.0.0:{self.port(name)}"

    def address(self, name: str) -> str:
        return f"{service_of('net' if name in EDGES else SECOND.get(name, name))}:{self.port(name)}"

    def seen(self, name: str) -> str:
        return self.address(name) if self.published is None else f"127.0.0.1:{self.published + OFFSETS[name]}"

    @property
    def python(self) -> str:
        return "python"

    @property
    def home(self) -> Path:
        return HOME

    @property
    def pg_conf(self) -> Path:
        return self.root / "etc/postgres/tuning.conf"

    def inside(self) -> Containers:
        """The same shop as a container on its network sees it."""
        return replace(self, published=None)


def service_of(name: str) -> str:
    """Its service in the compose file, and so its name on the network: the portal has a worker there too."""
    return f"{WORLD_PREFIX if name in WORLD else PREFIX}{name}"


def far_end(edge: str, layout: Layout) -> str:
    """host:port of an edge's other side, on the edge's own network."""
    return f"far.{edge}:{layout.port(edge)}"


def net_configs(layout: Layout, net: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """etc/net.yaml with its lines, and etc/net-far.yaml: where each line ends."""
    edges = {name: {**spec, "line": far_end(name, layout)} for name, spec in net["edges"].items()}
    ends = {
        name: {"address": layout.listen(name), "target": layout.address(target)}
        for name, (_, target) in EDGES.items()
    }
    return {"net": {**net, "edges": edges}, "net-far": {"edges": ends}}


def manifest(layout: Containers, plain: dict[str, Any]) -> dict[str, Any]:
    """`plain`, the manifest of processes, for containers: their logs and releases are the engine's."""
    services = {name: dict(spec) for name, spec in plain["services"].items()}
    for name, spec in services.items():
        spec.pop("logs", None)
        if "release" in spec:
            spec["release"] = {"previous": RELEASES[name]}
        if check := spec.get("config", {}).get("check"):
            inside = ["python", "-m", "shop.kit.start", "python", *check[1:]]
            spec["config"] = {**spec["config"], "check": inside}
        if "volumes" in spec:  # from outside nobody gets at them
            volumes = [{"path": path} for path in VOLUMES.values()] if layout.published is None else []
            spec["volumes"] = volumes
    services["postgres"]["migrations"] = {
        "argv": ["python", "-m", "shop.kit.start", "python", "-m", "shop.migrate"],
        "service": "api-1",
        "dry_run": "--dry-run",
    }
    services["net"]["depends_on"] = ["net-far"]
    services["net-far"] = {
        "kind": "relay",
        "title": "Network, far side",
        "http": {"url": layout.seen_url("net-far", "/healthz"), "timeout_s": 1.0, "slow_ms": 500},
        "tcp": layout.seen("net-far"),
        "metrics": metrics(layout, "net-far"),
        "config": {"file": "etc/net-far.yaml", "golden": "golden/etc/net-far.yaml", "reload": "HUP"},
    }
    runtime = {"driver": "docker", "project": layout.project, "prefix": PREFIX}
    return {**plain, "runtime": runtime, "services": services}


def published_ports(layout: Containers) -> dict[str, Any]:
    """A compose file that publishes every part on 127.0.0.1, for operators outside; merged with the main one."""
    services: dict[str, Any] = {}
    for name, offset in OFFSETS.items():
        if name not in EDGES and layout.published is not None:
            port = f"127.0.0.1:{layout.published + offset}:{BASE + offset}"
            services.setdefault(service_of(SECOND.get(name, name)), {"ports": []})["ports"].append(port)
    edges = [
        f"127.0.0.1:{layout.published + OFFSETS[n]}:{BASE + OFFSETS[n]}" for n in EDGES if layout.published
    ]
    if edges:
        services[f"{PREFIX}net"]["ports"] += edges
    return {"services": services}


def facts(layout: Containers) -> dict[str, Any]:
    """Of site.json: who runs the shop, for its owner."""
    return {
        "driver": "docker",
        "project": layout.project,
        "published": layout.published,
        "prefix": PREFIX,
        "world_prefix": WORLD_PREFIX,
        "edge_networks": {name: f"{layout.project}_wire-{name}" for name in EDGES},
    }
