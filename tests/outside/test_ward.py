"""The ward itself: quiet stays quiet, a fault is found and repaired, and a person is asked."""

from __future__ import annotations

from tests.outside.ward import Ward


def test_quiet_stays_quiet(ward: Ward) -> None:
    ward.look(20)
    assert (ward.numbers, ward.calls, ward.requests()) == ([], [], [])


def test_a_changed_file_is_found_and_put_back(ward: Ward) -> None:
    """A delay that somebody wrote into the configuration; the file is a real one, and so is its repair."""
    golden = ward.file("golden/api-1.yaml").read_text()
    for name in ("api-1", "api-2"):
        ward.file(f"etc/{name}.yaml").write_text(golden.replace("delay_s: 0", "delay_s: 6"))
        ward.set(name, "app.p50_ms", 6000)
        ward.set(name, "http.latency_ms", 6000)
    ward.set("gateway", "journey.ok", 0, "GET /browse: no answer in 2.5 s", "browse")
    ward.set("gateway", "journey.ok", 0, "GET /order: no answer in 2.5 s", "order")
    for name in ("api-1", "api-2"):
        ward.on("signal", name, ward.heal)
    ward.look_until(lambda: ward.numbers and ward.incident["state"] == "resolved")
    assert [ward.file(f"etc/api-{n}.yaml").read_text() for n in (1, 2)] == [golden, golden]
    assert {r["action"] for r in ward.requests("succeeded")} == {"restore-config"}
    assert any(title.startswith("Recovered") for title in ward.titles("verify"))


def test_a_person_is_asked_before_a_database_is_restarted(ward: Ward) -> None:
    ward.set("db", "pg.ok", 0, "connection refused")
    ward.set("db", "tcp.ok", 0, "connection refused")
    ward.runtime.crash("db", exit_code=-9, fatal=True)
    ward.set("gateway", "journey.ok", 0, "GET /order: 503", "order")
    ward.on("restart", "db", ward.heal)
    ward.on("start", "db", ward.heal)
    ward.look_until(lambda: ward.requests("waiting"))
    ward.look(5)
    assert ward.calls == []
    ward.decide("approve")
    assert [c.split()[1] for c in ward.calls] == ["db"]
    ward.look_until(lambda: ward.incident["state"] == "resolved")
