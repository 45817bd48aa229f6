"""Who the cloud knows: accounts by their long-lived keys, and sessions of roles, which end by themselves."""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import time
from pathlib import Path
from typing import Any

from ..kit.config import Config
from ..kit.http import Request
from ..kit.s3 import ALGORITHM, UNSIGNED, signature

FORGOTTEN_S = 3600.0  # after its end a session is said to have expired for so long; then it is not known
SHORTEST_S, LONGEST_S = 1, 43_200
BEARER = re.compile(
    rf"{ALGORITHM} Credential=([^/,\s]+)/([^,\s]+), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{{64}})"
)


class Refused(Exception):
    """`status`, and the code and the words of the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Sessions:
    """`accounts` of the configuration: key -> secret. Sessions outlive the process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.path = config.path.parent.parent / "run" / "sessions.json"

    def bearer(self, request: Request) -> str:
        """The key of who signed the request. Raises Refused."""
        found = BEARER.fullmatch(request.headers.get("authorization", ""))
        if found is None:
            raise Refused(403, "AccessDenied", "Access Denied")
        key, scope, names, proof = found.groups()
        secret, token, ends = self._known(key)
        if ends and ends < time.time():
            raise Refused(400, "ExpiredToken", "The provided token has expired.")
        signed = {name: request.headers.get(name, "") for name in names.split(";")}
        if not hmac.compare_digest(token, signed.get("x-amz-security-token", "")):
            raise Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        if not {"host", "x-amz-date"} <= signed.keys() or signed.get("x-amz-content-sha256") != UNSIGNED:
            raise Refused(
                403, "AccessDenied", "There were headers present in the request which were not signed"
            )
        wanted = signature(secret, request.method, request.path, request.query, signed, scope)
        if not hmac.compare_digest(wanted, proof):
            raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        return key

    def open(self, key: str, seconds: str) -> dict[str, Any]:
        """A session for who has a long-lived key. Raises Refused."""
        if key not in self._accounts():
            raise Refused(403, "AccessDenied", "A session may not open another one")
        lasts = min(max(int(seconds) if seconds.isdigit() else 900, SHORTEST_S), LONGEST_S)
        made = {
            "secret": secrets.token_hex(20),
            "token": secrets.token_hex(48),
            "ends": int(time.time() + lasts),
        }
        name = f"ASIA{secrets.token_hex(8).upper()}"
        kept = {k: s for k, s in self._open().items() if s["ends"] > time.time() - FORGOTTEN_S}
        fresh = self.path.with_suffix(".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps({**kept, name: made}))
        os.replace(fresh, self.path)  # noqa: PTH105 - in one step
        return {"key": name, **made}

    def _known(self, key: str) -> tuple[str, str, float]:
        """(secret, token, end) of a key; no end: 0."""
        if secret := self._accounts().get(key):
            return str(secret), "", 0.0
        found = self._open().get(key)
        if found is None:
            raise Refused(
                403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
            )
        return found["secret"], found["token"], found["ends"]

    def _accounts(self) -> dict[str, str]:
        found: dict[str, str] = self.config.get("accounts") or {}
        return found

    def _open(self) -> dict[str, dict[str, Any]]:
        try:
            found: dict[str, dict[str, Any]] = json.loads(Path(self.path).read_text())
        except FileNotFoundError:
            return {}
        return found
