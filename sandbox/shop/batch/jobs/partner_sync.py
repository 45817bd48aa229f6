"""Passes the catalogue on to a partner, product by product, through the front door."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

from ...kit.client import Client, ClientError
from . import Params, log

KEY = "partner-17"
AT_ONCE = 50


def run(params: Params) -> None:
    """requests: how many in all; rps: how many a second."""
    asyncio.run(_all(int(params.get("requests", 20)), float(params.get("rps", 5))))


async def _all(wanted: int, rps: float) -> None:
    client, told = Client(), Counter[int]()
    url = os.environ["GATEWAY_URL"].rstrip("/") + "/api/catalog?limit=1"
    busy: set[asyncio.Task[None]] = set()

    async def ask() -> None:
        try:
            answer = await client.request("GET", url, headers={"X-Api-Key": KEY}, timeout_s=5)
            told[answer.status] += 1
        except ClientError:
            told[0] += 1

    began = time.monotonic()
    for number in range(wanted):
        await asyncio.sleep(max(0.0, began + number / rps - time.monotonic()))
        if len(busy) < AT_ONCE:
            busy.add(task := asyncio.create_task(ask()))
            task.add_done_callback(busy.discard)
    await asyncio.gather(*busy)
    log.info("partner-sync: %d requests, %d answered", wanted, told[200])
