"""Administration interfaces that answer JSON, such as a proxy's: what of it a manifest declares as settled."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from systems import trust
from systems.manifest import Service
from systems.manifest.settled import StateHttp
from systems.probes import web
from systems.probes.base import ProbeFailed
from systems.services import LoadedSystem
from systems.state import masking
from systems.state.facts import Fact, Facts, Read, Source

MOST = 500
DEEP = 12


class Http(Source):
    timeout_s = 4.0

    def __init__(self, system: LoadedSystem, service: Service) -> None:
        assert service.state is not None
        self.name = f"http of {service.name}"
        self.system, self.service, self.pages = system, service, service.state.http
        self.every_s = service.state.interval_s
        self._http = web.client()
        self._known: dict[str, tuple[bytes, Facts]] = {}

    async def read(self) -> Read:
        found: Read = {}
        tls = trust.of(self.system)
        for page in self.pages:
            answer = await web.fetch(self._http, page.url, 2.0, tls=tls)
            if answer.error or answer.status != 200:
                continue  # unknown
            known = self._known.get(page.url)
            if known is None or known[0] != answer.body:
                known = self._known[page.url] = (answer.body, self._facts(page, answer.body))
            found[self.service.name, page.url] = known[1]
        if not found:
            raise ProbeFailed("no page of its state could be read")
        return found

    def _facts(self, page: StateHttp, body: bytes) -> Facts:
        try:
            flat = dict(flatten(json.loads(body)))
        except ValueError as error:
            raise ProbeFailed(f"{page.url} answers no JSON") from error
        wanted = [(k, v) for k, v in flat.items() if any(fnmatchcase(k, pattern) for pattern in page.only)]
        return {key: Fact(value, page.kind, masking.is_secret(key, value)) for key, value in wanted[:MOST]}

    async def close(self) -> None:
        await self._http.aclose()


def flatten(item: Any, path: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Dotted paths and what stands there. Items of a list go by their `name` or `id` where they have one: a list in
    another order is the same."""
    if depth > DEEP:
        return [(path, json.dumps(item)[:300])]
    below: list[tuple[str, Any]]
    if isinstance(item, dict):
        below = [(str(k), v) for k, v in item.items()]
    elif isinstance(item, list) and item and all(isinstance(e, dict | list) for e in item):
        below = [(_called(e, i), e) for i, e in enumerate(item)]
    else:
        return [(path, item if isinstance(item, str) else json.dumps(item))]
    return [
        pair for key, value in below for pair in flatten(value, f"{path}.{key}" if path else key, depth + 1)
    ]


def _called(item: Any, number: int) -> str:
    if isinstance(item, dict):
        for key in ("name", "id"):
            if isinstance(item.get(key), str | int):
                return str(item[key])
    return str(number)
