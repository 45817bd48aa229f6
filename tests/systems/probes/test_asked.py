"""What is asked over HTTP: what is sent, what counts as a good answer, and whom it believes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from systems import activation
from systems.checks.direct import direct_http
from systems.manifest import ManifestError, parse_manifest
from systems.probes import journeys, web
from systems.probes.http import HttpProbe
from systems.probes.journeys import JourneyProbe
from systems.probes.metrics import MetricsProbe
from systems.probes.ready import ReadyProbe
from systems.redact import for_system
from tests.systems.certs import Authority, shown
from tests.systems.helpers import make_system, one

TOKEN, PASSWORD = "tok-abcdefghij", "pass-word-123"


class Guarded(ThreadingHTTPServer):
    """Answers 401 to whoever does not say who he is; `/418` and the like with that status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Guard)
        self.asked: list[dict[str, str]] = []


class _Guard(BaseHTTPRequestHandler):
    server: Guarded

    def do_GET(self) -> None:
        self.server.asked.append({k.lower(): v for k, v in self.headers.items()})
        status = self.path.strip("/")
        known = "authorization" in self.headers or "x-key" in self.headers
        self.send_response(int(status) if status.isdigit() else 200 if known else 401)
        self.end_headers()
        if status != "204":
            self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    with Guarded() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.root(tmp_path_factory.mktemp("authority") / "root")


@pytest.mark.parametrize(
    ("who", "sent"),
    [
        ({"bearer": TOKEN}, ("authorization", f"Bearer {TOKEN}")),
        ({"basic": f"probe:{PASSWORD}"}, ("authorization", "Basic cHJvYmU6cGFzcy13b3JkLTEyMw==")),
        ({"headers": {"X-Key": TOKEN}}, ("x-key", TOKEN)),
    ],
)
async def test_every_probe_says_who_asks_and_nobody_sees_it(
    tmp_path: Path, guarded: Guarded, who: dict[str, Any], sent: tuple[str, str]
) -> None:
    spec = {"url": f"http://127.0.0.1:{guarded.server_port}/", **who}
    system = make_system(tmp_path, {"web": {"kind": "http", "http": spec, "ready": spec, "metrics": spec}})
    service = system.service("web")
    for probe, metric in ((HttpProbe(), "http.ok"), (ReadyProbe(), "ready.ok"), (MetricsProbe(), "app.read")):
        assert one(await probe.observe(system, service), metric).value == 1.0
        await probe.close()
    assert one(await direct_http(system, service), "check.direct_http").value == 1.0
    assert len(guarded.asked) == 5
    assert all(head[sent[0]] == sent[1] for head in guarded.asked)
    shown_ = repr(system.manifest) + for_system(system).text(
        f"refused {sent[1]} {PASSWORD if 'basic' in who else ''}"
    )
    assert not any(secret in shown_ for secret in (TOKEN, PASSWORD, sent[1].rpartition(" ")[2]))


async def test_headers_that_hide_nothing_tear_no_words_apart(tmp_path: Path) -> None:
    headers = {"Accept": "application/json", "Host": "shop.example"}
    system = make_system(
        tmp_path, {"web": {"kind": "http", "http": {"url": "http://h/", "headers": headers}}}
    )
    assert for_system(system).text("application/json of shop.example") == "application/json of shop.example"


@pytest.mark.parametrize(
    ("expect", "status", "good"),
    [
        (None, 200, True),
        (None, 204, False),
        (401, 401, True),
        (401, 200, False),
        ([200, 418], 418, True),
        ("2xx", 204, True),
        ("2xx", 301, False),
        (["2xx", 404], 404, True),
        (["2xx", 404], 500, False),
    ],
)
async def test_what_counts_as_an_answer(
    tmp_path: Path, guarded: Guarded, expect: Any, status: int, good: bool
) -> None:
    url = f"http://127.0.0.1:{guarded.server_port}/{status}"
    more = {} if expect is None else {"expect": expect}
    steps = {"name": "j", "steps": [{"get": url, **more}]}
    system = make_system(tmp_path, {"web": {"kind": "http", "http": {"url": url, **more}}}, journeys=[steps])
    probe = HttpProbe()
    found = one(await probe.observe(system, system.service("web")), "http.ok")
    await probe.close()
    assert found.value == float(good)
    assert bool(await journeys.failures_now(system)) != good


async def test_ready_is_any_2xx_unless_told_otherwise(tmp_path: Path, guarded: Guarded) -> None:
    base = f"http://127.0.0.1:{guarded.server_port}"
    services = {
        "plain": {"kind": "http", "ready": {"url": base + "/204"}},
        "odd": {"kind": "http", "ready": {"url": base + "/429", "expect": [200, 429]}},
        "not": {"kind": "http", "ready": {"url": base + "/503"}},
    }
    system = make_system(tmp_path, services)
    probe = ReadyProbe()
    found = [one(await probe.observe(system, s), "ready.ok").value for s in system.services.values()]
    await probe.close()
    assert found == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("where", ["spec", "manifest"])
async def test_an_authority_of_ones_own(tmp_path: Path, root: Authority, where: str) -> None:
    made = root.issue("shop", "DNS:localhost")
    (tmp_path / "own.pem").write_text(root.certificate.pem.read_text())
    ca, top = ({"ca": "own.pem"}, {}) if where == "spec" else ({}, {"ca": "own.pem"})
    with shown(made.pem, made.key) as (port, _):
        url = f"https://localhost:{port}/"
        journey = {"name": "j", "steps": [{"get": url}]}
        services = {"web": {"kind": "http", "http": {"url": url, "timeout_s": 3, **ca}}}
        system = make_system(tmp_path, services, journeys=[{**journey, **ca}], **top)
        probe, visit = HttpProbe(), JourneyProbe.build(system, lambda: 0.0)[0]
        assert one(await probe.observe(system, system.service("web")), "http.ok").value == 1.0
        assert one(await visit.observe(system, system.service("web")), "journey.ok").value == 1.0
        stranger = make_system(tmp_path, {"web": {"kind": "http", "http": {"url": url}}}, journeys=[journey])
        refused = one(await probe.observe(stranger, stranger.service("web")), "http.ok")
        assert refused.value == 0.0 and refused.text.startswith("certificate: ")
        assert "certificate" in (await journeys.failures_now(stranger))[0]
        await asyncio.gather(probe.close(), visit.close())


async def test_unchecked_only_where_that_is_said(tmp_path: Path, root: Authority) -> None:
    made = root.issue("elsewhere", "DNS:elsewhere.example")
    with shown(made.pem, made.key) as (port, _):
        url = f"https://localhost:{port}/"
        journey = {"name": "j", "steps": [{"get": url}], "insecure": True}
        services = {
            "lax": {"kind": "http", "http": {"url": url, "insecure": True, "timeout_s": 3}},
            "strict": {"kind": "http", "http": {"url": url, "timeout_s": 3}},
        }
        system = make_system(tmp_path, services, journeys=[journey])
        probe = HttpProbe()
        lax = one(await probe.observe(system, system.service("lax")), "http.ok")
        strict = one(await probe.observe(system, system.service("strict")), "http.ok")
        await probe.close()
        assert (lax.value, strict.value) == (1.0, 0.0)
        assert await journeys.failures_now(system) == []


async def test_a_second_opinion_believes_the_same(tmp_path: Path, root: Authority) -> None:
    """The pool hangs, and the plain socket is asked with the manifest's own authority."""
    made = root.issue("shop", "DNS:localhost")
    with shown(made.pem, made.key) as (port, asked):
        system = make_system(
            tmp_path, {"web": {"kind": "http", "http": {"url": f"https://localhost:{port}/", "bearer": TOKEN}}},
            ca=str(root.certificate.pem),
        )  # fmt: skip
        spec = system.service("web").http
        assert spec is not None

        class Hanging:
            closed = False

            def request(self, *_: object, **__: object) -> Any:
                raise TimeoutError

            async def close(self) -> None:
                pass

        http = web.Client(make=lambda *_: Hanging())  # type: ignore[arg-type, return-value]
        answer = await web.ask(http, system, spec, spec.url, 1.0)
    assert (answer.status, answer.error) == (200, "")
    assert f"Authorization: Bearer {TOKEN}" in asked[0]


@pytest.mark.parametrize("content", [None, "no certificate", ""])
async def test_a_file_of_authorities_that_cannot_be_used_is_named(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "own.pem").write_text(content)
    journey = {"name": "j", "ca": "own.pem", "steps": [{"get": "https://127.0.0.1:1/"}]}
    services = {"web": {"kind": "http", "http": {"url": "https://127.0.0.1:1/", "ca": "own.pem"}}}
    system = make_system(tmp_path, services, journeys=[journey])
    probe = HttpProbe()
    found = one(await probe.observe(system, system.service("web")), "http.ok")
    assert found.value == 0.0 and found.text.startswith("ca: own.pem cannot be used: ")
    visit = JourneyProbe.build(system, lambda: 0.0)[0]
    assert one(await visit.observe(system, system.service("web")), "journey.ok").value is None
    assert "own.pem cannot be used" in (await journeys.failures_now(system))[0]
    await asyncio.gather(probe.close(), visit.close())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"bearer": "x", "basic": "a:b"}, "says who asks only once"),
        ({"bearer": "x", "headers": {"authorization": "y"}}, "says who asks only once"),
        ({"basic": "nobody"}, "basic is name:password"),
        ({"bearer": "a\nX-Other: b"}, "one line"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "does not look right"),
        ({"headers": {"X A": "a"}}, "does not look right"),
        ({"ca": "a.pem", "insecure": True}, "either ca, or insecure"),
        ({"expect": 99}, "does not look right"),
        ({"expect": "ok"}, "does not look right"),
        ({"expect": []}, "at least 1 item"),
        ({"expect": ["2xx", "6xx"]}, "does not look right"),
    ],
)
def test_what_may_not_be_said_of_an_address(spec: dict[str, Any], words: str) -> None:
    manifest = {"system": "s", "services": {"web": {"kind": "http", "http": {"url": "http://h/", **spec}}}}
    with pytest.raises(ManifestError, match=words) as caught:
        parse_manifest(json.dumps(manifest))
    assert "services.web.http" in str(caught.value) and "X-Other" not in str(caught.value)


def test_a_manifest_that_is_shown_as_a_diff_hides_who_asks() -> None:
    old = "web: {http: {url: x}}\n"
    new = (
        f"bearer: {TOKEN}\nbasic: 'probe:{PASSWORD}'\nAuthorization: Bearer {TOKEN}\nbearer: ${{API_TOKEN}}\n"
    )
    shown_ = activation._diff(old, new)
    assert TOKEN not in shown_ and PASSWORD not in shown_
    assert "${API_TOKEN}" in shown_ and "probe:" in shown_


async def test_a_file_of_authorities_that_is_replaced_counts_at_once(tmp_path: Path, root: Authority) -> None:
    made, other = root.issue("shop", "DNS:localhost"), Authority.root(tmp_path / "other", "another root")
    (tmp_path / "own.pem").write_text(other.certificate.pem.read_text())
    with shown(made.pem, made.key) as (port, _):
        url = f"https://localhost:{port}/"
        services = {"web": {"kind": "http", "http": {"url": url, "timeout_s": 3}}}
        system = make_system(
            tmp_path, services, ca="own.pem", journeys=[{"name": "j", "steps": [{"get": url}]}]
        )
        probe, visit = HttpProbe(), JourneyProbe.build(system, lambda: 0.0)[0]
        told = []
        for _ in range(2):
            told.append(one(await probe.observe(system, system.service("web")), "http.ok").value)
            told.append(one(await visit.observe(system, system.service("web")), "journey.ok").value)
            (tmp_path / "own.pem").write_text(root.certificate.pem.read_text())
        await asyncio.gather(probe.close(), visit.close())
    assert told == [0.0, 0.0, 1.0, 1.0]
