"""When it may be called over: what is measured since, long enough for this fault, and nothing put back that was bad."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html import unescape

import psycopg
import pytest
from redis import Redis

from agent.phases import heldoff
from knowledge.models import Lesson, OutcomeStat
from opsportal import tokens
from systems.manifest.types import Journey
from systems.probes import journeys
from tests.outside.test_switches import Boss
from tests.outside.ward import Ward

APIS = ("api-1", "api-2")


def state(ward: Ward) -> str:
    return str(ward.incident["state"]) if ward.numbers else ""


def slow(ward: Ward) -> str:
    """Somebody wrote a delay into both configurations; returns what was there before."""
    golden = ward.file("golden/api-1.yaml").read_text()
    for name in APIS:
        ward.file(f"etc/{name}.yaml").write_text(golden.replace("delay_s: 0", "delay_s: 6"))
        ward.set(name, "app.p50_ms", 6000)
        ward.set(name, "http.latency_ms", 6000)
    for journey in ("browse", "order"):
        ward.set("gateway", "journey.ok", 0, "no answer in 2.5 s", journey)
    return golden


def nothing_was_repaired(ward: Ward) -> bool:
    """Nothing says so: no line of any incident, no repair of one, nothing that is learnt."""
    told = ward.incidents
    said = any(e["title"].startswith("Recovered") for i in told for e in i["events"])
    learnt = Lesson.objects.filter(actions__contains=[{"worked": True}]).exists()
    counted = OutcomeStat.objects.filter(successes__gt=0).exists()
    return not (said or learnt or counted or any(i["repaired"] for i in told))


def test_a_cure_whose_slow_signs_are_read_late_is_not_put_back(ward: Ward) -> None:
    """The journeys run once in nine looks: until one of them has run since, nothing is known of them."""
    golden = slow(ward)
    ward.look_until(lambda: ward.requests("succeeded"))
    since = ward.looked
    ward.heal(*APIS)
    late = {k: ward.readings.pop(k) for k in list(ward.readings) if k[1].startswith("journey.")}

    def seldom(number: int) -> None:
        for key in late:
            ward.readings.pop(key, None)
        if (number - since) % 9 == 0:
            ward.readings |= {k: ward.normal[k] for k in late}

    ward.each_look = seldom
    ward.look(60)
    assert ward.incident["state"] == "resolved", ward.titles()
    assert not [t for t in ward.titles() if "Not recovered" in t or "olled back" in t], ward.titles()
    assert [ward.file(f"etc/{n}.yaml").read_text() for n in APIS] == [golden, golden]


def test_a_backlog_that_dries_up_is_a_cure_in_progress(ward: Ward) -> None:
    """The worker is started again; what has piled up takes a minute and a half to go."""
    depth = [3000.0]
    ward.runtime.crash("worker", exit_code=1, fatal=True)
    ward.set("worker", "worker.heartbeat_age_s", 60, "", "orders")
    ward.set("worker", "queue.done_rate", 0, "", "orders")

    def drain(_: int) -> None:
        if any(c.endswith("worker") for c in ward.calls):
            ward.heal("worker")
            depth[0] = max(1.0, depth[0] - 33)
        ward.set("cache", "queue.depth", depth[0], "", "orders")
        ward.set("cache", "queue.oldest_s", max(0.2, depth[0] / 33), "", "orders")

    ward.each_look = drain
    ward.look_until(lambda: state(ward) == "resolved", most=220)
    assert not [t for t in ward.titles() if "Not recovered" in t], ward.titles()
    assert len(set(ward.calls)) == len(ward.calls)


def test_a_repair_that_changed_nothing_leaves_no_known_bad_state(ward: Ward) -> None:
    """The file is right again and the trouble stays: what is put right stays right, and the incident says so."""
    golden = slow(ward)
    ward.look_until(lambda: state(ward) in ("handed_over", "resolved"), most=250)
    assert state(ward) == "handed_over"
    assert [ward.file(f"etc/{n}.yaml").read_text() for n in APIS] == [golden, golden]
    assert any(t.startswith("Kept, not rolled back: restore-config") for t in ward.titles()), ward.titles()
    assert not ward.requests("rolled_back")


def leaves_orders_lying(ward: Ward, redis: Redis, *, restarted: bool = True) -> None:
    """What the worker had in hand when the trouble began stays there, while others go through."""
    taken, key = ward.clock.time(), f"{ward.slug}:in-hand"
    redis.rpush(key, "order 1", "order 2", "order 3")
    if restarted:
        ward.look()
        ward.runtime.restart("worker")

    def hold(_: int) -> None:
        left = redis.llen(key)
        held = ward.clock.time() - taken if left else 0.0
        ward.set("cache", "queue.held_s", held, f"{left} of {left} in hand for as long", "orders")

    ward.each_look = hold


@pytest.fixture
def redis(ward: Ward) -> Iterator[Redis]:
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client
        client.delete(f"{ward.slug}:in-hand", "orders")


def test_orders_that_were_left_lying_are_taken_up_before_it_is_over(ward: Ward, redis: Redis) -> None:
    slow(ward)
    leaves_orders_lying(ward, redis)
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal(*APIS, "gateway")
    ward.look_until(lambda: state(ward) == "resolved", most=150)
    assert redis.lrange("orders", 0, -1) == [b"order 1", b"order 2", b"order 3"], ward.titles()
    assert redis.llen(f"{ward.slug}:in-hand") == 0


def test_what_a_consumer_may_still_be_at_is_put_back_by_a_person_only(ward: Ward, redis: Redis) -> None:
    """It runs since before they were taken: put back, they would be worked on twice."""
    slow(ward)
    leaves_orders_lying(ward, redis, restarted=False)
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal(*APIS, "gateway")
    ward.look_until(lambda: ward.requests("waiting"), most=150)
    (waiting,) = ward.requests("waiting")
    assert "may be at them still" in str(waiting) and redis.llen("orders") == 0


def test_what_lies_there_and_cannot_be_taken_up_is_said(ward: Ward, redis: Redis) -> None:
    slow(ward)
    leaves_orders_lying(ward, redis)
    redis.set("orders", "no list")
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal(*APIS, "gateway")
    ward.look_until(lambda: state(ward) == "handed_over", most=150)
    assert any("are not finished (3 of 3" in t for t in ward.titles()), ward.titles()
    ward.look(30)
    assert state(ward) == "handed_over", "it is not over while they lie there"
    assert len([t for t in ward.titles() if "stays open for what they left" in t]) == 1, ward.titles()
    redis.delete(f"{ward.slug}:in-hand")
    ward.look_until(lambda: state(ward) == "resolved", most=60)


def dies(ward: Ward, died: list[float], period: float) -> None:
    """By the ward's clock: on a busy machine a look takes longer than its second."""
    if (now := ward.clock.time()) - died[-1] >= period:
        ward.runtime.crash("worker", exit_code=1)
        died.append(now)


@pytest.mark.parametrize("period", [5, 32])
def test_a_worker_is_not_well_between_its_deaths(ward: Ward, period: int) -> None:
    """It dies again and again, whoever starts it again. Where it is soon dead again its work piles up while it is."""
    felt = period < 10
    died = [ward.clock.time()]

    def die(_: int) -> None:
        dies(ward, died, period)
        dead = felt and ward.clock.time() - died[-1] < 2
        ward.set("worker", "worker.heartbeat_age_s", 60 if dead else 0.5, "", "orders")
        ward.set("cache", "queue.oldest_s", 40 if dead else 0.2, "", "orders")

    ward.each_look = die
    ward.look_until(lambda: ward.numbers)
    ward.look(32 * 4)
    assert state(ward) != "resolved", ward.titles()
    assert nothing_was_repaired(ward), ward.titles()
    assert "restart worker" in ward.calls or not felt, (ward.calls, ward.titles())
    ward.each_look = lambda _: None
    ward.heal()
    ward.look_until(lambda: state(ward) == "resolved", most=150)
    assert len(ward.numbers) == 1


def test_a_worker_that_dies_once_in_fifty_looks_is_called_over_once_at_most(ward: Ward) -> None:
    """After its first death nobody can know that there will be another one; after the second one that is known."""
    died = [ward.clock.time()]
    ends: set[int] = set()
    ward.each_look = lambda _: dies(ward, died, 50)
    ward.look_until(lambda: ward.numbers)
    while len(died) < 6:
        ward.look()
        if all(i["state"] == "resolved" for i in ward.incidents):
            ends.add(len(died) - 1)
    assert ends <= {1}, (ends, ward.titles())
    assert nothing_was_repaired(ward), ward.titles()


def test_half_of_all_checkouts_is_not_well_because_one_went_through(ward: Ward) -> None:
    """Every third order fails, whatever is done; nothing on any page says why."""

    def flag(number: int) -> None:
        bad = number % 3 == 0 or number % 7 == 0
        ward.set("gateway", "journey.ok", float(not bad), "POST /order: 500" if bad else "", "order")
        for name in APIS:
            ward.set(name, "app.error_rate", 0.3 if number < 200 else 0.0)

    ward.each_look = flag
    ward.look(190)
    told = str(ward.titles())
    assert "Recovered" not in told, told
    assert state(ward) != "resolved"
    ward.each_look = lambda _: ward.heal()
    ward.look_until(lambda: state(ward) == "resolved")
    assert "Recovered" not in str(ward.titles())


def test_orders_that_fail_in_blocks_are_not_repaired_by_what_was_done_between_two(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight good looks, eight bad ones, before and after a configuration is put back; of the runs that are raised to
    tell it sooner every other one fails."""
    boss = Boss("mira", "actions.add_policyrule", tokens.READ)
    raised: list[bool] = []
    repaired, begun = False, ward.looked + 1

    async def every_other(_: object, journey: Journey) -> tuple[float, str]:
        raised.append(repaired and len(raised) % 2 == 1)
        return 40.0, "POST /order: 500" if raised[-1] else ""

    monkeypatch.setattr(journeys, "run_journey", every_other)

    def block(number: int) -> None:
        nonlocal repaired
        bad = (number - begun) // 8 % 2 == 0
        ward.set("gateway", "journey.ok", float(not bad), "POST /order: 500" if bad else "", "order")
        if not repaired and ward.requests("succeeded"):
            repaired = True
            ward.heal(*APIS)
            ward.set("gateway", "journey.ok", 1, "", "browse")

    slow(ward)
    boss.post("/api/stop", {"note": "the sale runs"})
    ward.each_look = block
    ward.look(30)
    boss.lift()
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.look(100)
    assert any(raised), "it was asked of the system's own journeys, and they told"
    assert nothing_was_repaired(ward), ward.titles()
    assert "resolved" not in [i["state"] for i in ward.incidents], ward.titles()


def test_symptoms_that_go_by_themselves_are_no_recovery_of_ours(ward: Ward) -> None:
    for name in APIS:
        ward.set(name, "app.error_rate", 0.5)
    ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")
    ward.look_until(lambda: ward.numbers)
    ward.look(5)
    ward.heal()
    ward.look_until(lambda: state(ward) == "resolved")
    told = ward.titles()
    assert "what caused them was not found" in str(told), told
    lacking = [re.findall(r"(\d+) of (\d+) runs", t) for t in told if "is watched for longer" in t]
    assert all(int(ran) < int(needed) for found in lacking for ran, needed in found), told
    assert "Recovered" not in str(told)


def test_nothing_is_learnt_from_what_went_by_itself(ward: Ward) -> None:
    """The same trouble again and again, gone each time before anything was done: no confirmation of any cause."""
    slow(ward)
    ward.look_until(lambda: ward.numbers)
    for name in APIS:
        ward.file(f"etc/{name}.yaml").write_text(ward.file(f"golden/{name}.yaml").read_text())
    ward.heal()
    ward.look_until(lambda: state(ward) == "resolved")
    assert ward.calls == []
    cases = ward.viewer.get("/api/incidents")
    assert cases and not [t for t in ward.titles() if t.startswith("Recovered")]
    assert not ward.incident["repaired"]


def test_a_setting_that_is_still_wrong_is_not_over(ward: Ward) -> None:
    """The file of one api is wrong again a moment after it was put back; nothing is slow any more."""
    golden = slow(ward)
    bad = golden.replace("delay_s: 0", "delay_s: 6")

    def again(_: int) -> None:
        if ward.requests("succeeded"):
            ward.heal()
            ward.file("etc/api-1.yaml").write_text(bad)

    ward.each_look = again
    ward.look(120)
    assert not [t for t in ward.titles() if t.startswith("Recovered")], ward.titles()
    assert state(ward) != "resolved"


def test_a_setting_behind_what_was_ended_is_put_back_too(ward: Ward) -> None:
    """The sessions are ended and all is well; the setting that leaves them open is as it was."""
    golden = _holds_sessions(ward)
    ward.look_until(lambda: state(ward) in ("handed_over", "resolved"))
    told = " | ".join(ward.titles())
    assert state(ward) == "resolved", told
    assert ward.file("etc/api-2.yaml").read_text() == golden
    assert (
        "The symptoms are gone, and what is behind them is still so: restore-config on api-2 comes next"
        in told
    )


def test_a_setting_behind_what_was_ended_is_told_and_neither_called_a_cure_nor_nothing(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, where nothing puts it back."""
    monkeypatch.setattr(heldoff, "cure", lambda *_: [])
    golden = _holds_sessions(ward)
    ward.look_until(lambda: state(ward) in ("handed_over", "resolved"))
    told = " | ".join(ward.titles())
    assert state(ward) == "handed_over", told
    assert "Held off, not cured: the symptoms are gone, and the configuration of api-2 differs" in told
    assert "kill-idle-connections on db ended the symptoms" in told
    assert "not by anything done here" not in told and "Recovered" not in told
    assert "did not help" not in ward.incident["headline"], ward.incident["headline"]
    ward.file("etc/api-2.yaml").write_text(golden)
    ward.look_until(lambda: state(ward) == "resolved")
    assert "was not found" not in " | ".join(ward.titles())


def _holds_sessions(ward: Ward) -> str:
    """Until they were ended and all is well. What the file of their setting should say."""
    dsn = ward.system.service("db").postgres.dsn  # type: ignore[union-attr]
    hogs = [psycopg.connect(dsn, application_name="api-2", autocommit=True) for _ in range(3)]
    golden = ward.file("golden/api-2.yaml").read_text()
    ward.file("etc/api-2.yaml").write_text(golden + "close_sessions: false\n")
    ward.set("db", "pg.connections_pct", 100, "30 of 30", "app")
    ward.set("db", "pg.idle_pct", 90, "27 of 30", "api-2")
    full = "FATAL: too many connections for role app"
    ward.saying["api-1", full] = ward.saying["db", full] = 3
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.saying.clear()
    ward.heal()
    ward.set("db", "pg.connections_pct", 3, "1 of 30", "app")
    ward.set("db", "pg.idle_pct", 1, "1 of 30", "api-2")
    assert all(hog.closed or _is_over(hog) for hog in hogs)
    return golden


def _is_over(session: psycopg.Connection[tuple[object, ...]]) -> bool:
    try:
        session.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


NOISE = "ERROR order 8123 cannot be handled: KeyError: 'sku'"


def noisy(ward: Ward, name: str) -> None:
    ward.saying[name, NOISE] = 4
    ward.set(name, "log.error_rate", 4.0)


def test_noise_is_left_alone_once_work_is_seen_flowing(ward: Ward) -> None:
    noisy(ward, "worker")
    ward.look_until(lambda: state(ward) == "handed_over")
    assert any(t.startswith("Nothing to repair") for t in ward.titles()), ward.titles()
    assert (ward.calls, ward.requests()) == ([], [])


def test_a_message_that_stops_all_processing_is_not_called_noise(ward: Ward) -> None:
    """The first that is to be seen are lines in the log; the queue shows itself half a minute later."""
    noisy(ward, "worker")
    begun = ward.looked

    def pile_up(number: int) -> None:
        for_s = number - begun
        ward.set("worker", "queue.done_rate", 0.0 if for_s > 12 else 5.0, "", "orders")
        ward.set("cache", "queue.oldest_s", max(0.2, for_s - 12.0), "", "orders")

    ward.each_look = pile_up
    ward.look(90)
    assert not [t for t in ward.titles() if t.startswith("Nothing to repair")], ward.titles()
    assert ward.incident["severity"] != "low"
    assert ward.calls == []


def test_errors_that_real_customers_get_are_not_called_noise(ward: Ward) -> None:
    """Every journey is green, and one in twenty-five real requests fails."""
    for name in APIS:
        noisy(ward, name)
        ward.set(name, "app.error_rate", 0.04)
    ward.look(90)
    assert not [t for t in ward.titles() if t.startswith("Nothing to repair")], ward.titles()
    assert ward.calls == []


def test_a_postmortem_tells_every_cause_that_was_repaired(ward: Ward) -> None:
    """Two faults at once, in parts that need each other; both are repaired, one after the other."""
    slow(ward)
    for name in APIS:
        ward.on("signal", name, lambda: ward.heal(*APIS, "gateway"))
    ward.runtime.crash("worker", exit_code=1, fatal=True)
    ward.set("worker", "worker.heartbeat_age_s", 60, "", "orders")
    ward.set("worker", "queue.done_rate", 0, "", "orders")
    for op in ("restart", "start"):
        ward.on(op, "worker", lambda: ward.heal("worker"))
    ward.look_until(lambda: bool(ward.numbers) and not open_ones(ward), most=220)
    pages = " ".join(ward.page(f"/incidents/{n}/postmortem/") for n in ward.numbers)
    mended = [r for n in ward.numbers for r in ward.viewer.get(f"/api/incidents/{n}")["repaired"]]
    assert {r["component"] for r in mended} >= {"worker"}, mended
    assert len(mended) >= 2, mended
    for repair in mended:
        assert repair["did"][0] in pages
        assert repair["prevent"].split(":")[0][:40] in unescape(pages), repair


def test_a_postmortem_counts_what_a_repair_has_lost(ward: Ward) -> None:
    dsn = ward.system.service("db").postgres.dsn  # type: ignore[union-attr]
    mine = psycopg.connect(dsn, application_name="api-1")
    mine.execute("select 'half done'")
    ward.set("db", "pg.idle_in_tx_s", 90, "pid 7", "api-1")
    ward.set("db", "pg.longest_xact_s", 90)
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal()
    ward.readings.pop(("db", "pg.idle_in_tx_s", "api-1"), None)
    ward.set("db", "pg.idle_in_tx_s", 0, "", "api-1")
    ward.look_until(lambda: state(ward) == "resolved")
    page = ward.page(f"/incidents/{ward.numbers[-1]}/postmortem/")
    assert "Lost by kill-session on db: 1 session, 1 transaction" in page


def open_ones(ward: Ward) -> list[int]:
    states = {n: ward.viewer.get(f"/api/incidents/{n}")["state"] for n in ward.numbers}
    return [n for n, s in states.items() if s != "resolved"]


def test_an_intermittent_fault_is_proven_gone_by_runs_of_the_systems_own_journeys(ward: Ward) -> None:
    """Half of the orders failed until the repair: it takes more clean ones than the watcher makes in a few looks."""
    slow(ward)
    ward.set("gateway", "journey.ok", 1, "", "browse")

    def half(number: int) -> None:
        if not ward.requests("succeeded"):
            bad = number % 3 != 0
            ward.set("gateway", "journey.ok", float(not bad), "no answer in 2.5 s" if bad else "", "order")
        else:
            ward.heal()

    ward.each_look = half
    ward.look_until(lambda: state(ward) == "resolved", most=150)
    assert any(t.startswith("Recovered") for t in ward.titles()), ward.titles()
    assert 0 < ward.raised <= 300


def half_fail_at_one(ward: Ward, usual: float, rate: float) -> int:
    """A setting of one api makes half of its requests fail, and no journey meets one of them; after the repair they
    stop. Returns in how many looks since then it was called recovered."""
    ward.set("api-1", "app.rps", rate)
    ward.set("api-1", "app.error_rate", usual)
    ward.look(30)
    golden = ward.file("golden/api-1.yaml").read_text()
    ward.file("etc/api-1.yaml").write_text(golden.replace("delay_s: 0", "delay_s: 6"))
    ward.set("api-1", "app.p50_ms", 6000)
    ward.set("api-1", "app.error_rate", usual + 0.5)
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal()
    ward.set("api-1", "app.rps", rate)
    ward.set("api-1", "app.error_rate", usual)
    healed = ward.looked
    ward.look_until(lambda: state(ward) == "resolved", most=200)
    assert any(t.startswith("Recovered") for t in ward.titles()), ward.titles()
    assert not ward.raised, "no journey has anything to prove"
    return ward.looked - healed


def test_requests_that_failed_where_no_journey_goes_are_proven_well_by_the_services_own_counter(
    ward: Ward,
) -> None:
    """At one request in four seconds: (1 - 1/2) ** 7 < 1 %."""
    assert half_fail_at_one(ward, usual=0.0, rate=0.25) >= 7 / 0.25


def test_whom_a_dead_part_failed_has_nothing_of_its_own_to_prove(ward: Ward) -> None:
    """A few requests failed in the few seconds that it was dead: so small a share takes hundreds to prove gone."""
    ward.set("gateway", "app.rps", 4.0)
    ward.set("gateway", "app.error_rate", 0.0)
    ward.look(30)
    ward.set("gateway", "app.error_rate", 0.15)
    ward.look(3)
    ward.runtime.crash("api-1", exit_code=1, fatal=True)
    for metric in ("http.ok", "ready.ok"):
        ward.set("api-1", metric, 0, "refused")
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal()
    ward.set("gateway", "app.rps", 4.0)
    ward.set("gateway", "app.error_rate", 0.0)
    healed = ward.looked
    ward.look_until(lambda: state(ward) == "resolved", most=200)
    assert any(t.startswith("Recovered") for t in ward.titles()), ward.titles()
    assert ward.looked - healed <= 10, ward.titles()


def test_errors_that_were_there_before_hold_nothing_up(ward: Ward) -> None:
    assert half_fail_at_one(ward, usual=0.04, rate=20.0) <= 15


def test_a_share_that_stays_where_there_was_none_is_not_recovered(ward: Ward) -> None:
    """Three in a hundred go on failing after the repair: too few for an alarm, and not what was usual."""
    golden = slow(ward)
    for name in APIS:
        ward.set(name, "app.error_rate", 0.5)
    ward.look_until(lambda: ward.requests("succeeded"))
    ward.heal()
    ward.set("api-1", "app.error_rate", 0.03)
    ward.look(150)
    assert not [t for t in ward.titles() if t.startswith("Recovered")], ward.titles()
    assert state(ward) != "resolved"
    assert any("still fails some of its requests" in t for t in ward.titles()), ward.titles()
    assert ward.file("etc/api-1.yaml").read_text() == golden


def evicting(ward: Ward, limit: float) -> None:
    ward.set("cache", "redis.maxmemory_mb", limit, f"{limit:.3g} MB")
    ward.look()
    ward.set("cache", "redis.evicted_rate", 80.0)
    ward.look_until(lambda: ward.numbers)
    ward.look(3)
    ward.set("cache", "redis.evicted_rate", 0.0)


def test_a_limit_that_was_set_at_run_time_and_still_holds_is_not_over(ward: Ward) -> None:
    """In no file: what it brought about dries up, and the limit stays as small as it was made."""
    evicting(ward, 1.2)
    ward.look(90)
    assert state(ward) not in ("resolved", ""), ward.titles()
    assert not [t for t in ward.titles() if t.startswith(("Recovered", "Well"))], ward.titles()
    still = "what may have caused them is not: the memory limit of cache is 1.2 MB"
    assert any(still in t for t in ward.titles()), ward.titles()
    ward.heal()
    ward.look_until(lambda: state(ward) == "resolved")


def test_a_limit_opens_nothing_by_itself_and_an_old_one_holds_nothing_up(ward: Ward) -> None:
    ward.set("cache", "redis.maxmemory_mb", 40.0, "40 MB")
    ward.look(75)
    assert not ward.numbers
    evicting(ward, 40.0)
    ward.look_until(lambda: state(ward) == "resolved")
