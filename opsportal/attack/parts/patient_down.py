"""Every system under care is ill, silent or nonsense: the portal starts, answers, and watches the one that is well."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import httpx

from opsportal.attack.base import Context, Verdict, until
from opsportal.attack.portal import Scratch
from opsportal.local.ports import free_port

HEALTHZ_S = 2.0
GAP_S = 3.0  # between two looks at the well system; the tick is 1 s
FIRST_S = 20.0
SERVICES = 8
LOOKED_AT = "select last_tick_at at from systems_system where slug = 'well'"


def run(context: Context, verdict: Verdict) -> None:
    seconds = context.pick(15, 40, 300)
    with _blackhole() as silent, _well() as well, context.portal("patient-down", sandbox=False) as portal:
        for name, text in _manifests(silent, well).items():
            path = portal.folder / f"{name}.yaml"
            path.write_text(text)
            done = portal.manage("register_system", str(path), check=False, timeout=60)
            context.say(f"  registered {name}: {(done.stdout + done.stderr).strip().splitlines()[:1]}")
        portal.stop()
        stopped = datetime.now(UTC)
        took = portal.start()
        again = time.monotonic()
        fresh = until(lambda: (portal.rows(LOOKED_AT)[0]["at"] or stopped) > stopped, FIRST_S)
        verdict.must(bool(fresh), f"the well system was not looked at in {FIRST_S:.0f} s after the start")
        first = time.monotonic() - again
        gap = _longest_gap(portal, seconds, verdict)
        verdict.figures |= {
            "systems": 4,
            "start s": round(took, 1),
            "first look s": round(first, 1),
            "longest gap of the well one s": round(gap, 1),
        }
        verdict.must(gap <= GAP_S, f"the well system was not looked at for {gap:.1f} s")
        mine = [i["title"] for i in portal.open_incidents() if i["system"] == "well"]
        verdict.must(not mine, f"the well system is accused: {mine}")
        with portal.browser() as page:
            code = page.get("").status_code
        verdict.must(code == httpx.codes.OK, f"the dashboard answers {code}")


def _longest_gap(portal: Scratch, seconds: float, verdict: Verdict) -> float:
    """Of the looks at the well system, in seconds; /healthz is asked meanwhile."""
    query = "select extract(epoch from now() - last_tick_at)::float as age from systems_system where slug = 'well'"
    worst, slowest, end = 0.0, 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        age = portal.rows(query)[0]["age"]
        worst = max(worst, 1e9 if age is None else age)
        began = time.monotonic()
        status = httpx.get(portal.url + "healthz", timeout=20).status_code
        slowest = max(slowest, time.monotonic() - began)
        verdict.must(status == httpx.codes.OK, f"/healthz answers {status} because a patient is ill")
        time.sleep(0.2)
    verdict.figures["slowest /healthz s"] = round(slowest, 2)
    verdict.must(slowest <= HEALTHZ_S, f"/healthz took {slowest:.1f} s")
    return worst


def _manifests(silent: int, well: int) -> dict[str, str]:
    dead = free_port()
    head = "system: {}\nruntime: {{driver: process, socket: {}}}\nservices:\n"
    each = "  s{n}: {{kind: http, unit: {unit}, http: {{url: 'http://127.0.0.1:{port}/'}}, tcp: '127.0.0.1:{port}'}}\n"

    def many(slug: str, port: int) -> str:
        return head.format(slug, "nowhere/supervisor.sock") + "".join(
            each.format(n=n, unit=f"s{n}", port=port) for n in range(SERVICES)
        )

    return {
        "dead": many("dead", dead),
        "silent": many("silent", silent),
        "nonsense": head.format("nonsense", "nowhere/else.sock")
        + "  a: {kind: http, unit: null, http: {url: 'http://no.such.host.invalid/'}}\n"
        + f"  b: {{kind: postgres, unit: null, postgres: {{dsn: 'postgresql://nobody:wrong@127.0.0.1:{dead}/x'}}}}\n",
        "well": head.format("well", "nowhere/well.sock") + each.format(n=0, unit="null", port=well),
    }


@contextmanager
def _blackhole() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield int(server.getsockname()[1])
        for connection in held:
            connection.close()


class _Fine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def _well() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Fine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield int(server.server_address[1])
    server.shutdown()
