"""Nasty values in every place that takes one: pages, API, commands. A sentence and 4xx, never 5xx, nothing lost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
from django.urls import URLPattern, URLResolver, get_resolver

from opsportal.attack.base import Context, Verdict
from opsportal.attack.portal import Scratch

VALUES = (
    "\x00",
    "a\x00b",
    "²",
    "٣",
    "9999-12-31",
    "0001-01-01",
    "1e400",
    "9" * 30,
    "-1",
    "\ud800",
    "'; --",
    "(a+)+$",
)
NAMES = ("q", "page", "incident", "since", "until", "state", "severity", "service", "after", "actor", "target", "limit",
         "before", "system", "open", "lines", "next", "version")  # fmt: skip
BODIES = (b"\x00", b"{", b"[" * 3000 + b"]" * 3000, b'{"target": "\\u0000"}', b'{"duration_s": 1e400}',
          b'{"params": {"a": ' + b"9" * 400 + b"}}", b'{"reason": "' + b"x" * 3_000_000 + b'"}')  # fmt: skip
SLOW_S = 5.0
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nsystem: bomb\n"
DEEP = "system: deep\nservices: " + "[" * 3000 + "]" * 3000 + "\n"


def run(context: Context, verdict: Verdict) -> None:
    values = context.pick(VALUES[:4], VALUES, VALUES)
    with context.portal("input", sandbox=context.form != "brief") as portal:
        bad: list[str] = []
        slow: list[str] = []
        sent = 0
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
    for route in sorted(set(_routes(get_resolver().url_patterns))):
        if route.startswith("logout"):
            continue
        plain = re.sub(r"<[^>]*>", "1", route)
        for value in values:
            safe = quote(value.encode("utf-8", "surrogatepass"))
            if "<" in route:
                yield "GET", re.sub(r"<[^>]*>", safe, route), None
            query = "&".join(f"{name}={safe}" for name in NAMES)
            yield "GET", f"{plain}?{query}", None
            if not route.startswith(("admin", "api")):
                yield (
                    "POST",
                    plain,
                    {name: value.encode("utf-8", "surrogatepass") for name in (*NAMES, "text", "reason")},
                )
    for name, parameters in portal.api("GET", "api/openapi.json").json()["paths"].items():
        for method in parameters:
            path = re.sub(r"\{[^}]*\}", "1", name).lstrip("/")
            for body in BODIES if method != "get" else ():
                yield method.upper(), path, body


def _routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        here = prefix + str(pattern.pattern).lstrip("^")
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and "(?P" not in here:
            yield here.rstrip("$")


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
