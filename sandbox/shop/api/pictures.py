"""Pictures of products, from the cloud. The session for it lies in a file that a job renews."""

from __future__ import annotations

import logging
from pathlib import Path

import yaml
from fastapi import APIRouter, HTTPException, Response

from ..kit.s3 import Cloud, CloudError, Credentials, credentials_of
from .state import State

log = logging.getLogger("shop")
FILE = "cloud-credentials.yaml"


class Assets:
    """The bucket of `assets` in the configuration; the session's file is read anew when it is another."""

    def __init__(self, state: State) -> None:
        self.config = state.config
        self._at = 0.0
        self._given: Credentials | None = None

    def picture(self, sku: str) -> bytes:
        """Raises CloudError."""
        given = self._session(self.config.path.with_name(FILE))
        cloud = Cloud(self.config.get("assets.url"), given, self.config.number("assets.timeout_s", 2.0))
        return cloud.get(str(self.config.get("assets.bucket")), f"pictures/{sku}.svg")

    def _session(self, path: Path) -> Credentials:
        try:
            written = path.stat().st_mtime
            if self._given is None or written != self._at:
                self._given, self._at = credentials_of(yaml.safe_load(path.read_text())), written
        except (OSError, yaml.YAMLError) as error:
            raise CloudError("", f"cloud credentials cannot be read: {error}") from error
        return self._given


def router(state: State) -> APIRouter:
    """/api/picture/SKU; 502 with the cloud's own words when it cannot be had."""
    routes = APIRouter(prefix="/api")
    assets = Assets(state)

    @routes.get("/picture/{sku}")
    def picture(sku: str) -> Response:
        try:
            return Response(assets.picture(sku), media_type="image/svg+xml")
        except CloudError as error:
            if error.code == "NoSuchKey":
                raise HTTPException(404, f"no picture of {sku}") from error
            log.error("no picture of %s: %s", sku, error)
            raise HTTPException(502, f"storage failed: {error}") from error

    return routes
