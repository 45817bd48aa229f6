"""A real Prometheus scrapes a real service, and is asked for it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from systems.probes.prometheus import PrometheusProbe
from systems.readings import Reading

from ..helpers import Clock, closed_port, http_server, make_system, one

SERVER = shutil.which("prometheus")

pytestmark = pytest.mark.skipif(
    SERVER is None, reason="no Prometheus is installed here (Debian: apt-get install prometheus)"
)


class Scraped:
    """Fails a quarter of its requests; `times(n)` ends when it was scraped so often again. What was scraped before is
    stored when the next scrape comes."""

    def __init__(self) -> None:
        self.count, self.well, self.status = 0, True, asyncio.Condition()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str]:
        self.count += 1
        asyncio.get_running_loop().create_task(self._tell())
        if not self.well:
            return 503, "out of order"
        return 200, (
            "# TYPE http_requests_total counter\n"
            f'http_requests_total{{code="200",path="/a"}} {1000 + 30 * self.count}\n'
            f'http_requests_total{{code="500",path="/b"}} {10 * self.count}\n'
            "process_resident_memory_bytes 104857600\n"
        )

    async def _tell(self) -> None:
        async with self.status:
            self.status.notify_all()

    async def times(self, n: int) -> None:
        until = self.count + n
        async with asyncio.timeout(30), self.status:
            await self.status.wait_for(lambda: self.count >= until)


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    address = closed_port()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    process = await asyncio.create_subprocess_exec(
        str(SERVER), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--log.level=error", stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def test_a_service_is_seen_through_a_real_prometheus(tmp_path: Path) -> None:
    scraped = Scraped()
    async with http_server(scraped.answer) as url, prometheus(tmp_path, url.partition("//")[2]) as api:
        queries = {"app.up_now": 'sum(up{job="shop"})', "app.wrong": "sum(no_such_metric)"}
        spec: dict[str, Any] = {"kind": "http", "metrics": {"promql": {"job": "shop"}, "queries": queries}}
        system = make_system(tmp_path, {"s": spec}, prometheus={"url": api})
        probe = PrometheusProbe(Clock())

        async def look() -> list[Reading]:
            return await probe.observe(system, system.service("s"))

        await scraped.times(6)
        found = await look()
        assert one(found, "app.read").value == 1.0, found
        assert one(found, "app.error_rate", "").value == pytest.approx(0.25)
        assert one(found, "app.rps", "").value == pytest.approx(40, rel=0.25)
        assert one(found, "app.error_rate", "/b").value == 1.0
        assert one(found, "proc.rss_mb").value == 100.0
        assert one(found, "app.up_now").value == 1.0
        assert one(found, "app.wrong").value is None
        scraped.well = False
        await scraped.times(3)
        found = await look()
        assert one(found, "app.read").text == "Prometheus cannot scrape it (up is 0)"
        assert {r.value for r in found if r.metric == "app.up"} == {0.0}
        assert all(r.value is None for r in found if r.metric != "app.up")
        await probe.close()
