"""`python -m shop.api`: one replica under uvicorn."""

from __future__ import annotations

import logging
import sys

import uvicorn

from ..kit import logs, settings
from ..kit.config import load_or_exit
from ..kit.http import listen_host
from . import money
from .app import create
from .settings import Settings
from .state import State


def main() -> None:
    logs.setup("api")
    config = load_or_exit()
    try:
        money.check()
    except money.VersionConflict as error:
        logging.getLogger("shop").critical("VersionConflict: %s", error, exc_info=True)
        sys.exit(1)
    values = settings.read(Settings)
    app = create(State(values, config))
    limit = config.get("limit_max_requests")
    server = uvicorn.Config(
        app, host=listen_host(), port=values.PORT, log_config=None, access_log=False, lifespan="on",
        timeout_keep_alive=30, limit_max_requests=limit, date_header=False, timeout_graceful_shutdown=3,
    )  # fmt: skip
    uvicorn.Server(server).run()


if __name__ == "__main__":
    main()
