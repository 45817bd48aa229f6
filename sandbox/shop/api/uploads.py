"""Pictures that customers send: they come in parts, as temporary files, and the newest are kept in one piece."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import logging
import os
import tempfile
import uuid
from pathlib import Path

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from ..kit.config import Config
from .state import State

log = logging.getLogger("shop")
PART = 1024  # bytes of a temporary file
KEPT = 40  # pictures


class Picture(BaseModel):
    """`data`: base64."""

    sku: str = Field("", max_length=40)
    data: str = Field(max_length=400_000)


class Uploads:
    """`scratch` for the parts, `kept` for the pictures. upload.keep_tmp: parts are emptied and not removed."""

    def __init__(self, config: Config, scratch: Path, kept: Path) -> None:
        self.config, self.scratch, self.kept = config, scratch, kept

    @classmethod
    def of(cls, config: Config) -> Uploads:
        """By SCRATCH_DIR and APPLOG_DIR of the environment."""
        elsewhere = tempfile.gettempdir()
        scratch, applog = (os.environ.get(key, elsewhere) for key in ("SCRATCH_DIR", "APPLOG_DIR"))
        return cls(config, Path(scratch), Path(applog) / "uploads")

    def take(self, data: bytes) -> str:
        """Keep it; its name. OSError when there is no room."""
        name = uuid.uuid4().hex[:12]
        parts: list[Path] = []
        target = self.kept / f"{name}.img"
        try:
            for start in range(0, len(data), PART):
                part = self.scratch / f"sess_{name}_{start // PART}.tmp"
                parts.append(part)
                part.write_bytes(data[start : start + PART])
            self.kept.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                file.writelines(part.read_bytes() for part in parts)
        except OSError:
            target.unlink(missing_ok=True)
            raise
        finally:
            self._done_with(parts)
        self._trim()
        return name

    def _done_with(self, parts: list[Path]) -> None:
        for part in parts:
            with contextlib.suppress(OSError):
                if self.config.get("upload.keep_tmp", False):
                    os.truncate(part, 0)
                else:
                    part.unlink()

    def _trim(self) -> None:
        """Another replica may be at it, too."""
        with contextlib.suppress(OSError):
            pictures = sorted(self.kept.glob("*.img"), key=lambda p: p.stat().st_mtime)
            for old in pictures[:-KEPT]:
                old.unlink(missing_ok=True)


def router(state: State) -> APIRouter:
    """/api/upload."""
    routes = APIRouter(prefix="/api")
    uploads = Uploads.of(state.config)

    @routes.post("/upload")
    def upload(body: Picture) -> dict[str, str]:
        try:
            data = base64.b64decode(body.data, validate=True)
        except binascii.Error as error:
            raise HTTPException(400, "not base64") from error
        try:
            return {"picture": uploads.take(data)}
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            log.error("picture not kept: %s", error)
            raise HTTPException(507, f"no room for pictures: {os.strerror(error.errno)}") from error

    return routes
