"""Nasty values in every place that takes one: pages, API, commands. A sentence and 4xx, never 5xx, nothing lost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
from django.urls import get_resolver

from opsportal.attack import nasty
from opsportal.attack.base import Context, Verdict
from opsportal.attack.portal import Scratch

NAMES = ("q", "page", "incident", "since", "until", "state", "severity", "service", "after", "actor", "target", "limit",
         "before", "system", "open", "lines", "next", "version")  # fmt: skip
SLOW_S = 5.0
LONG = 1000
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nsystem: bomb\n"
DEEP = "system: deep\nservices: " + "[" * 3000 + "]" * 3000 + "\n"


def run(context: Context, verdict: Verdict) -> None:
    values = context.pick(nasty.VALUES[:4], nasty.VALUES, nasty.VALUES)
    with context.portal("input", sandbox=context.form != "brief") as portal:
        bad: list[str] = []
        slow: list[str] = []
        sent = 0
        portal.bearer()  # made now, so that no answer is timed with it
        with portal.browser() as page:
            for method, path, body in _requests(portal, values):
                began = time.monotonic()
                answer = _send(page, portal, method, path, body)
                sent += 1
                if answer >= httpx.codes.INTERNAL_SERVER_ERROR:
                    bad.append(f"{method} {path[:80]!r}: {answer}")
                if time.monotonic() - began > SLOW_S:
                    slow.append(f"{method} {path[:80]!r}")
            verdict.must(page.get("").status_code == httpx.codes.OK, "the dashboard does not answer any more")
        _manifests(portal, verdict)
        verdict.figures |= {"requests": sent, "5xx": len(bad), f"over {SLOW_S:.0f} s": len(slow)}
        verdict.must(not bad, f"5xx: {bad[:5]}")
        verdict.must(not slow, f"slow: {slow[:5]}")


def _send(page: httpx.Client, portal: Scratch, method: str, path: str, body: Any) -> int:
    """The status; 0 when the server hangs up, which is a 'no' as well."""
    headers = portal.bearer()
    try:
        if isinstance(body, bytes):
            headers["content-type"] = "application/json"
            return page.request(method, path, content=body, headers=headers).status_code
        return page.request(method, path, data=body, headers=headers).status_code
    except httpx.HTTPError:
        return 0


def _requests(portal: Scratch, values: tuple[str, ...]) -> Iterator[tuple[str, str, Any]]:
    """Each route with each value in its path, in each parameter of the query, in a form; and each API body."""
    for route in sorted(set(nasty.routes(get_resolver().url_patterns))):
        if route.startswith("logout"):
            continue
        plain = re.sub(r"<[^>]*>", "1", route)
        for value in values:
            safe = nasty.safe(value)
            if "<" in route:
                yield "GET", re.sub(r"<[^>]*>", safe, route), None
            names = NAMES if len(safe) < LONG else NAMES[:1]  # an address has its length
            query = "&".join(f"{name}={safe}" for name in names)
            yield "GET", f"{plain}?{query}", None
            if not route.startswith(("admin", "api")):
                yield (
                    "POST",
                    plain,
                    {name: value.encode("utf-8", "surrogatepass") for name in (*NAMES, "text", "reason")},
                )
    for operation in nasty.operations(portal.api("GET", "api/openapi.json").json()):
        path = re.sub(r"\{[^}]*\}", "1", operation.path).lstrip("/")
        for body in nasty.BODIES if operation.method != "get" else ():
            yield operation.method.upper(), path, body


def _manifests(portal: Scratch, verdict: Verdict) -> None:
    """Bombs answer with a sentence, soon, and change nothing."""
    before = portal.count("select count(*) from systems_system")
    for name, text in {"bomb": BOMB, "deep": DEEP, "empty": "", "list": "- 1\n", "bytes": "\x00"}.items():
        path = portal.folder / f"{name}.yaml"
        path.write_text(text)
        done = portal.manage("register_system", str(path), check=False, timeout=60)
        said = done.stderr + done.stdout
        verdict.must(done.returncode != 0, f"the manifest {name!r} was taken")
        verdict.must("Traceback" not in said, f"the manifest {name!r} ended in a traceback")
    verdict.must(
        portal.count("select count(*) from systems_system") == before, "a broken manifest left a row"
    )
