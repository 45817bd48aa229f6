"""`python -m shop.collector`: POST /lines takes log lines of the shop's parts. GET /healthz, /metrics."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..kit import logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import PATH, Figure, Metrics
from ..kit.run import run

log = logging.getLogger("shop")
SENDERS = 50  # that are told apart


class Store:
    """One file in `folder`; one that is larger than rotate_mb becomes NAME.1, and so on up to `keep` of them."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.file = config, folder / "all.jsonl"
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, lines: bytes) -> None:
        """OSError when it cannot be written."""
        with self.file.open("ab") as file:
            file.write(lines)
            size = file.tell()
        if size > self.config.number("rotate_mb", 4) * 1e6:
            self._rotate(max(1, int(self.config.number("keep", 2))))

    def _rotate(self, keep: int) -> None:
        for number in range(keep, 0, -1):
            older = self._older(number - 1) if number > 1 else self.file
            if older.exists():
                older.replace(self._older(number))

    def _older(self, number: int) -> Path:
        return self.file.with_name(f"{self.file.name}.{number}")


class Collector:
    """Who sent when, and how much."""

    def __init__(self, config: Config, store: Store) -> None:
        self.store = store
        self.metrics = Metrics(self.figures)
        self.heard: dict[str, float] = {}  # sender -> when
        self.began = time.monotonic()

    async def start(self) -> None:
        await serve(self.handle, int(os.environ["PORT"]))
        log.info("log collector is up")

    @property
    def age_s(self) -> float:
        """Seconds since somebody sent something."""
        return time.monotonic() - max(self.heard.values(), default=self.began)

    async def handle(self, request: Request) -> Response:
        if request.path == "/lines" and request.method == "POST":
            return self._take(request)
        if request.path == "/healthz":
            return json_response({"status": "ok", "ingest_age_s": round(self.age_s, 1)})
        if request.path == PATH:
            return self.metrics.response()
        return json_response({"error": "not found"}, 404)

    def _take(self, request: Request) -> Response:
        try:
            self.store.add(request.body)
        except OSError as error:
            log.error("lines not kept: %s", error)
            return json_response({"error": str(error)}, 507)
        sender = request.headers.get("x-sender", "")
        if sender in self.heard or len(self.heard) < SENDERS:
            self.heard[sender] = time.monotonic()
        self.metrics.count("log_lines", request.body.count(b"\n"))
        return json_response({"taken": len(request.body)})

    def figures(self) -> Iterator[Figure]:
        """How long ago each sender was heard of, and anybody at all."""
        now = time.monotonic()
        yield "ingest_age_seconds", {}, self.age_s
        for sender, at in self.heard.items():
            yield "sender_age_seconds", {"sender": sender}, now - at


def main() -> None:
    logs.setup("log-collector")
    config = load_or_exit()
    run(Collector(config, Store(config, Path(os.environ["LOGS_DIR"]))).start, config)


if __name__ == "__main__":
    main()
