"""`python -m shop.ops.provider_key show|rotate`: the key by which the shop asks its quote provider.

show: what the provider says of the key in use, as JSON: {"state": "valid" | "expired" | "revoked"}.
rotate: another key in place of an expired one, in the environment of all who use it and in the golden copies. Whoever
uses it reads it when told to. A revoked key is left alone: why it was revoked is for people to find out.
Settings: PROVIDER_URL, PROVIDER_ACCOUNT, PROVIDER_SECRET, SITE_DIR.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..kit.start import variables

KEY = "UPSTREAM_API_KEY"
CONSUMERS = ("api-1", "api-2", "backup-api")
PATIENCE_S = 4.0
STATES = {"token_expired": "expired", "key_revoked": "revoked", "invalid_key": "revoked"}


class Failed(Exception):
    """It cannot be done; the message says why."""


def files() -> list[Path]:
    """Where the key stands: what is read, and the copies of it that are right."""
    root = Path(os.environ["SITE_DIR"])
    return [folder / f"{name}.env" for folder in (root / "etc", root / "golden/etc") for name in CONSUMERS]


def ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """(status, JSON). Raises Failed when the provider does not answer."""
    connection = HTTPConnection(urlsplit(os.environ["PROVIDER_URL"]).netloc, timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, HTTPException, ValueError) as error:
        raise Failed(f"the provider does not answer: {error}") from error
    finally:
        connection.close()


def state() -> str:
    """What the provider says of the key in use."""
    key = variables(files()[0].read_text()).get(KEY, "")
    status, told = ask("GET", "/v1/key", {"X-Api-Key": key})
    found = "valid" if status == 200 else STATES.get(str(told.get("error")))
    if found is None:
        raise Failed(f"the provider answered {status}")
    return found


def rotate() -> None:
    if (now := state()) != "expired":
        raise Failed(f"the key in use is {now}: only an expired one is replaced")
    login = f"{os.environ['PROVIDER_ACCOUNT']}:{os.environ['PROVIDER_SECRET']}"
    basic = base64.b64encode(login.encode()).decode()
    status, told = ask("POST", "/v1/keys", {"Authorization": f"Basic {basic}", "Content-Length": "0"})
    if status != 201:
        raise Failed(f"the provider gives no other key: it answered {status} {told.get('error', '')}")
    for path in files():
        write(path, str(told["key"]))


def write(path: Path, key: str) -> None:
    """In one step, the other lines as they are."""
    lines = path.read_text().splitlines()
    kept = [f"{KEY}={key}" if line.startswith(f"{KEY}=") else line for line in lines]
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text("".join(f"{line}\n" for line in kept))
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)


def main(argv: list[str]) -> int:
    try:
        if argv == ["rotate"]:
            rotate()
        elif argv != ["show"]:
            raise Failed("say show or rotate")
        print(json.dumps({"state": state()}))
    except (Failed, OSError, KeyError) as error:
        print(f"provider_key: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
