"""While the watcher itself is starved: silence accuses nobody and moves nothing, a plain word still does."""

from __future__ import annotations

from tests.outside.ward import Ward


def _slow(ward: Ward) -> None:
    """What sixteen busy loops beside it look like from here."""
    for name in ("api-1", "api-2"):
        ward.set(name, "http.ok", 0, "timeout")
        ward.set(name, "http.latency_ms", None, "timeout")
        ward.set(name, "app.p50_ms", 6000)
        ward.set(name, "app.error_rate", 0.7)
    ward.set("gateway", "http.latency_ms", 9000)
    ward.set("db", "pg.ok", 0, "timeout")
    ward.set("db", "tcp.ok", 0, "timeout")
    for journey in ("browse", "order"):
        ward.set("gateway", "journey.ok", 0, "GET /: status 504: upstream timed out", journey)


def test_what_is_slow_or_silent_opens_nothing_and_moves_nothing(ward: Ward) -> None:
    ward.starved = True
    ward.look(2)
    _slow(ward)
    ward.say("api-1", "ERROR connection timed out to db", times=5)
    ward.look(40)
    assert (ward.numbers, ward.calls, ward.requests()) == ([], [], [])
    ward.heal()
    ward.starved = False
    ward.look(20)
    assert (ward.numbers, ward.calls, ward.requests()) == ([], [], [])


def test_nothing_is_learnt_while_it_is_starved(ward: Ward) -> None:
    """What was slow for a long starvation is no new normal: afterwards the same slowness is trouble."""
    ward.starved = True
    _slow(ward)
    ward.look(60)
    ward.starved = False
    ward.look_until(lambda: ward.numbers, 30)


def test_a_crash_still_opens_and_is_repaired(ward: Ward) -> None:
    ward.starved = True
    _slow(ward)
    ward.look(5)
    ward.runtime.crash("worker", exit_code=-9, fatal=True)
    ward.look_until(lambda: ward.numbers, 10)
    ward.look_until(lambda: ward.calls, 40)
    assert {call.split()[1] for call in ward.calls} == {"worker"}


def _hangs(ward: Ward) -> None:
    """One api accepts connections and says nothing more: a restart is called for, on silence alone."""
    for metric in ("http.ok", "ready.ok", "app.read"):
        ward.set("api-1", metric, 0, "timeout")
    for metric in ("http.latency_ms", "app.p50_ms", "app.p95_ms", "app.rps", "app.error_rate"):
        ward.set("api-1", metric, None, "timeout")


def test_what_was_about_to_be_done_on_silence_alone_waits(ward: Ward) -> None:
    """While the watcher is starved nothing is done about what is silent; when it no longer is, the same is acted on."""
    _hangs(ward)
    ward.look_until(lambda: ward.numbers, 20)
    ward.starved = True
    ward.look(40)
    assert (ward.calls, ward.requests()) == ([], [])
    ward.starved = False
    ward.look_until(lambda: ward.calls or ward.requests(), 60)
    assert any("api-1" in call for call in ward.calls) or ward.requests("waiting")
