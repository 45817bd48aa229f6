"""Certificates: how many days they last, whether they are believed, and that nobody looks twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from systems.probes import certificates
from systems.probes.tls import TlsProbe
from systems.readings import Reading
from systems.services import LoadedSystem
from systems.state.sources.tls import Tls
from tests.systems.certs import Authority, shown
from tests.systems.helpers import closed_port, make_system, one


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.root(tmp_path_factory.mktemp("authority") / "root")


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    certificates._seen.clear()


def web(base: Path, port: int, host: str = "localhost", **spec: Any) -> LoadedSystem:
    return make_system(base, {"web": {"kind": "http", "http": {"url": f"https://{host}:{port}/", **spec}}})


async def look(system: LoadedSystem, *, days_later: float = 0.0, service: str = "web") -> list[Reading]:
    probe = TlsProbe(ends=certificates.ends(system), now=lambda: time.time() + days_later * 86_400)
    assert probe.applies(system.service(service))
    return await probe.observe(system, system.service(service))


async def test_days_are_counted(tmp_path: Path, root: Authority) -> None:
    made = root.issue("shop", "DNS:localhost", days=30)
    (tmp_path / "ca.pem").write_text(root.certificate.pem.read_text())
    with shown(made.pem, made.key) as (port, _):
        system = web(tmp_path, port, ca="ca.pem")
        fresh = await look(system)
        days = one(fresh, "tls.days_left", f"localhost:{port}")
        assert days.value == pytest.approx(30, abs=0.1) and days.text.startswith("ends in 30 days, on ")
        assert (one(fresh, "tls.in_force").value, one(fresh, "tls.valid").value) == (1.0, 1.0)
        gone = await look(system, days_later=32)
    assert one(gone, "tls.days_left").value == pytest.approx(-2, abs=0.1)
    assert one(gone, "tls.in_force").value == 0.0
    assert one(gone, "tls.days_left").text.startswith("ended 2 days ago, on ")


@pytest.mark.parametrize(
    ("starts_in", "days", "words"), [(2, 30, "is not valid before"), (-9, -2, "ended 2 days ago")]
)
async def test_what_is_not_valid_yet_or_no_longer_is_told_by_its_dates(
    tmp_path: Path, root: Authority, starts_in: float, days: float, words: str
) -> None:
    made = root.issue("shop", "DNS:localhost", starts_in=starts_in, days=days)
    with shown(made.pem, made.key) as (port, _):
        system = web(tmp_path, port, ca=str(root.certificate.pem))
        found = await look(system)
    assert one(found, "tls.in_force").value == 0.0 and one(found, "tls.in_force").text.startswith(words)
    assert one(found, "tls.valid").value == 1.0, "it is believed, but for its time"


async def test_why_it_is_not_believed_is_told(tmp_path: Path, root: Authority) -> None:
    between = root.below()
    other = root.issue("elsewhere", "DNS:elsewhere.example")
    leaf = between.issue("shop", "DNS:localhost")
    ca = str(root.certificate.pem)
    for pem, key, spec, words in (
        (other.pem, other.key, {"ca": ca}, "it is for elsewhere.example, and not for localhost"),
        (leaf.pem, leaf.key, {"ca": ca}, "its chain is incomplete"),
        (leaf.chain, leaf.key, {}, "not known here"),
        (root.certificate.pem, root.certificate.key, {}, "it signed itself"),
    ):
        with shown(pem, key) as (port, _):
            system = web(tmp_path, port, **spec)
            found = await look(system)
        assert one(found, "tls.valid").value == 0.0
        assert words in one(found, "tls.valid").text
        assert one(found, "tls.days_left").value is not None, "its days are counted all the same"
    with shown(leaf.chain, leaf.key) as (port, _):
        assert one(await look(web(tmp_path, port, ca=ca)), "tls.valid").value == 1.0
        insecure = await look(web(tmp_path, port, insecure=True))
    assert {r.metric for r in insecure} == {"tls.days_left", "tls.in_force"}


async def test_of_a_bare_address_what_may_be_on_purpose_is_unknown(tmp_path: Path, root: Authority) -> None:
    made = root.issue("shop", "DNS:shop.example")
    with shown(made.pem, made.key) as (port, _):
        for more in (
            {},
            {"ca": str(root.certificate.pem)},
        ):  # an authority of its own, and another name than the IP
            system = make_system(
                tmp_path, {"web": {"kind": "other", "state": {"tls": [f"127.0.0.1:{port}"]}}}, **more
            )
            found = await look(system)
            assert one(found, "tls.valid").value is None
            assert one(found, "tls.days_left").value == pytest.approx(90, abs=0.1)


async def test_no_handshake_is_unknown(tmp_path: Path) -> None:
    end = closed_port()
    system = make_system(tmp_path, {"web": {"kind": "other", "state": {"tls": [end]}}})
    (found,) = await look(system)
    assert (found.metric, found.value, found.text, found.label) == ("tls.days_left", None, "refused", end)
    system = web(tmp_path, 1, ca="nowhere.pem")
    (found,) = await look(system)
    assert found.value is None and "nowhere.pem cannot be used" in found.text


async def test_the_ledger_and_the_probe_share_one_look(tmp_path: Path, root: Authority) -> None:
    made = root.issue("shop", "DNS:localhost")
    with shown(made.pem, made.key) as (port, _):
        system = web(tmp_path, port, ca=str(root.certificate.pem))
        looked: list[str] = []
        real = certificates._chain

        def counted(end: str, context: Any) -> list[dict[str, Any]]:
            looked.append(end)
            return real(end, context)

        certificates._chain = counted
        try:
            read = Tls(system).look()
            readings = await look(system)
        finally:
            certificates._chain = real
    (fact,) = read["web", f"tls localhost:{port}"].values()
    assert looked == [f"localhost:{port}"]
    assert fact.ends is not None
    days = one(readings, "tls.days_left").value
    assert days == pytest.approx((fact.ends - time.time()) / 86_400, abs=0.01)


async def test_journeys_and_steps_over_https_are_looked_at_too(tmp_path: Path) -> None:
    system = make_system(
        tmp_path,
        {
            "web": {"kind": "http", "tcp": "front.example:443"},
            "pay": {"kind": "external", "tcp": "pay.example:8443"},
        },
        journeys=[
            {
                "name": "buy",
                "steps": [{"get": "https://front.example/"}, {"post": "https://pay.example:8443/x"}],
            }
        ],
    )
    found = certificates.ends(system)
    assert {name: [end.at for end in of] for name, of in found.items()} == {
        "web": ["front.example:443"],
        "pay": ["pay.example:8443"],
    }
