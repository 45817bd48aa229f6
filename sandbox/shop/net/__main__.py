"""`python -m shop.net`: edges of etc/net.yaml; GET /edges, POST /edges/NAME/failover|reset, /healthz, /metrics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..kit import logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import PATH, Figure, Metrics, state
from ..kit.run import keep, run
from .edge import Edge, parse_address
from .line import Line
from .path import Wire


class Net:
    """All edges and their control interface."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.run_dir = Path(os.environ.get("RUN_DIR", "run"))
        self.metrics = Metrics(self.figures)
        self.edges: dict[str, Edge] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        for name, spec in config.get("edges", {}).items():
            ends = parse_address(spec["address"]), parse_address(spec["target"])
            self.edges[name] = Edge(name, *ends, self.path_a(name))

    def path_a(self, edge: str) -> Wire | Line:
        """A line to the far side where the configuration names one, else a wire in here."""
        line = self.config.get(f"edges.{edge}.line")
        mbit = int(self.config.number(f"edges.{edge}.capacity_mbit", 0))
        return Line(edge, *parse_address(line)) if line else Wire(edge, self.run_dir, mbit)

    async def start(self) -> None:
        self.config.listeners.append(self._apply)
        self._apply()
        await asyncio.gather(*(edge.wire.start() for edge in self.edges.values()))
        for edge in self.edges.values():
            await edge.start()
            keep(self.tasks, edge.accept_forever(), f"edge-{edge.name}")
            keep(self.tasks, self._watch(edge), f"heartbeat-{edge.name}")
        await serve(self.handle, int(os.environ["PORT"]))
        media = {edge.name: edge.wire.medium for edge in self.edges.values()}
        logging.getLogger("shop").info("net is up: %s", media)

    def _apply(self) -> None:
        """What a reload takes: where an edge leads, and whether it is up. Its address and its kind it has from the
        start on."""
        for name, edge in self.edges.items():
            try:
                edge.target = parse_address(self.config.get(f"edges.{name}.target"))
            except ValueError as error:
                logging.getLogger("shop").error("edge %s keeps its target: %s", name, error)
            edge.set_admin(bool(self.config.get(f"edges.{name}.up", True)))

    async def _watch(self, edge: Edge) -> None:
        while True:
            await edge.heartbeat()
            await asyncio.sleep(self.config.number("heartbeat_s", 0.7))

    async def handle(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if request.path == "/healthz":
            return json_response({"status": "ok", "edges": {e.name: e.ok for e in self.edges.values()}})
        if request.path == "/edges":
            return json_response([edge.describe() for edge in self.edges.values()])
        if request.path == PATH:
            return self.metrics.response()
        to_edge = request.method == "POST" and len(parts) == 3 and request.path.startswith("/edges/")
        if to_edge and parts[1] in self.edges:
            edge = self.edges[parts[1]]
            if parts[2] == "failover":
                await edge.failover()
                return json_response(edge.describe())
            if parts[2] == "reset":
                await edge.reset(self.path_a(edge.name))
                return json_response(edge.describe())
        return json_response({"error": "not found"}, 404)

    def figures(self) -> Iterator[Figure]:
        """Of each edge: the path it takes, whether that answers and how fast, and what went over it."""
        for edge in self.edges.values():
            named = {"edge": edge.name}
            yield from state("edge_path", edge.path, ("A", "B"), **named)
            yield from state("edge_medium", edge.wire.medium, **named)
            yield "edge_ok", named, edge.ok
            if edge.rtt is not None:
                yield "edge_rtt_seconds", named, edge.rtt / 1000
            yield "edge_connections", named, len(edge.live)
            yield "edge_accepted_total", named, edge.stats["connections_total"]
            yield "edge_failures_total", named, edge.stats["failures_total"]
            yield "edge_bytes_in_total", named, edge.stats["bytes_in"]
            yield "edge_bytes_out_total", named, edge.stats["bytes_out"]
            if edge.traffic.used is not None:
                yield "edge_used_ratio", named, round(edge.traffic.used, 3)
        clients: Counter[str] = Counter()
        for edge in self.edges.values():
            clients.update(edge.traffic.clients)
        for client, number in clients.items():
            yield "edge_client_bytes_total", {"client": client}, number


def main() -> None:
    logs.setup("net")
    config = load_or_exit()
    net = Net(config)
    run(net.start, config)


if __name__ == "__main__":
    main()
