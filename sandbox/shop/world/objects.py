"""`python -m shop.world.objects`: a cloud that is not ours, as far as the shop uses one: buckets and sessions.

It speaks S3 (GET, PUT, DELETE, list; path style) and STS (AssumeRole, GetCallerIdentity), with signed requests and
their errors in XML. Public without a signature: /health. A bucket is a folder beside its configuration.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from pathlib import Path
from xml.sax.saxutils import escape

from ..kit import logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.run import run
from .sessions import Refused, Sessions

BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
KEY = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")
XML = {"Content-Type": "application/xml"}


class Objects:
    """One region of a cloud."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.sessions = Sessions(config)
        self.data = config.path.parent.parent / "data"

    async def start(self) -> None:
        await serve(self.handle, int(os.environ["PORT"]))
        logging.getLogger("shop").info("%s is up", os.environ["REPLICA"])

    async def handle(self, request: Request) -> Response:
        if request.path == "/health":
            return json_response({"status": "ok"})
        await asyncio.sleep(self.config.number("latency_ms", 8) / 1000)
        try:
            key = self.sessions.bearer(request)
            return self._sts(request, key) if request.path == "/" else self._s3(request)
        except Refused as error:
            text = f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message></Error>"
            return Response(error.status, text.encode(), XML)

    def _sts(self, request: Request, key: str) -> Response:
        form = request.form
        if form.get("Action") == "GetCallerIdentity":
            return _xml("GetCallerIdentityResponse", f"<Arn>arn:aws:iam::1:user/{key}</Arn>")
        if form.get("Action") != "AssumeRole":
            raise Refused(400, "InvalidAction", "The action is not known here.")
        made = self.sessions.open(key, form.get("DurationSeconds", ""))
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made["ends"]))
        return _xml(
            "AssumeRoleResponse",
            f"<AccessKeyId>{made['key']}</AccessKeyId><SecretAccessKey>{made['secret']}</SecretAccessKey>"
            f"<SessionToken>{made['token']}</SessionToken><Expiration>{ends}</Expiration>",
        )

    def _s3(self, request: Request) -> Response:
        bucket, _, key = request.path.lstrip("/").partition("/")
        if not BUCKET.fullmatch(bucket) or (key and not KEY.fullmatch(key)):
            raise Refused(400, "InvalidURI", "Couldn't parse the specified URI.")
        folder = self.data / bucket
        if request.method == "PUT" and not key:
            folder.mkdir(parents=True, exist_ok=True)
            return Response(200)
        if not folder.is_dir():
            raise Refused(404, "NoSuchBucket", f"The specified bucket does not exist: {bucket}")
        if not key:
            return _xml("ListBucketResult", "".join(f"<Key>{escape(k)}</Key>" for k in _keys(folder)))
        return self._object(request, folder / key)

    def _object(self, request: Request, path: Path) -> Response:
        if request.method == "PUT":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(request.body)
            return Response(200)
        if not path.is_file():
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        if request.method == "DELETE":
            path.unlink()
            return Response(204)
        return Response(200, path.read_bytes(), {"Content-Type": "application/octet-stream"})


def _keys(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _xml(name: str, body: str) -> Response:
    return Response(200, f'<?xml version="1.0"?><{name}>{body}</{name}>'.encode(), XML)


def main() -> None:
    logs.setup("provider")
    config = load_or_exit()
    run(Objects(config).start, config)


if __name__ == "__main__":
    main()
