"""Renews the session by which the shop's pictures are read, well before it ends."""

from __future__ import annotations

import time

from ...kit.s3 import CloudError
from ...ops import assets
from . import Params, log


def run(params: Params) -> None:
    """least_s: seconds that must be left; lasts_s: of a new session."""
    now = assets.current()
    left = (now.ends if now else 0.0) - time.time()
    if left > float(params.get("least_s", 600)):
        return
    try:
        assets.rotate(int(params.get("lasts_s", assets.LASTS_S)))
    except CloudError as error:
        log.error("cloud-refresh: %s", error)
        return
    log.info("cloud-refresh: a new session, %d s before the end of the old one", max(0, left))
