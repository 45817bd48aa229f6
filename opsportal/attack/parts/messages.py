"""Forged, repeated, reordered and lost messages of every task: a message is a wake-up and nothing else."""

from __future__ import annotations

import random
import uuid
from typing import Any

import celery
import httpx
import redis

from actions import registry
from actions.base import ActionContext
from opsportal.attack.base import Context, Verdict, until
from opsportal.attack.portal import Scratch
from opsportal.attack.watching import Starts, claimed_twice, illegal_runs, live_faults
from opsportal.celery import app
from systems import services

RISKY, PLAIN, TARGET = "restart-db", "restart-service", "frontend"
CAN_BE_UNDONE = "pause-job"
FLUSHES = 5


def run(context: Context, verdict: Verdict) -> None:
    repeats = context.pick(5, 20, 200)
    with context.portal("messages") as portal:
        _outsider(portal, verdict)
        portal.person("asker", "actions.run_action", "incidents.view_incident")
        ids = _requests(portal)
        before = _picture(portal)
        with Starts(portal) as starts:
            sent = _forge(portal, ids, repeats)
            verdict.must(_works(portal), "the worker does nothing any more after the forged messages")
            extra = starts.of[TARGET] - 1  # the one that _works asked for
        changed = [key for key, value in _picture(portal).items() if before.get(key) not in (None, value)]
        verdict.figures |= {
            "messages": sent,
            "outcomes changed": len(changed),
            "effects": extra,
            "claimed twice": claimed_twice(portal),
            "illegal runs": illegal_runs(portal),
        }
        verdict.must(not changed, f"changed by messages: {changed}")
        verdict.must(extra == 0, f"{extra} effects because of messages")
        _lost(portal, verdict)
    for name in ("claimed twice", "illegal runs"):
        verdict.must(verdict.figures[name] == 0, f"{name}: {verdict.figures[name]}")


def _outsider(portal: Scratch, verdict: Verdict) -> None:
    """Somebody on this machine who does not know the password."""
    url = portal.run_file["redis_url"]
    bare = redis.Redis(
        host="127.0.0.1", port=redis.Redis.from_url(url).connection_pool.connection_kwargs["port"]
    )
    try:
        bare.lpush(app.conf.task_default_queue, "{}")
        verdict.must(False, "Redis takes messages from anybody on this machine")
    except redis.AuthenticationError:
        verdict.figures["outsider"] = "refused"
    except redis.RedisError as error:
        verdict.must("NOAUTH" in str(error), f"Redis refuses an outsider in an odd way: {error}")


def _job(portal: Scratch) -> str:
    """One that may be paused."""
    system = services.from_manifest(portal.manifest)
    pausing = registry.get(CAN_BE_UNDONE)
    where = pausing.targets(system)[0]
    return pausing.choices(ActionContext(system, where))["job"][0]


def _requests(portal: Scratch) -> dict[str, str]:
    """One that waits, one rejected, and two that are done, of which one can be undone."""

    def ask(slug: str, target: str = "", **params: str) -> str:
        body = {"target": target, "params": params, "wait": True}
        return str(portal.api("POST", f"action/{slug}", body, by="asker").json()["id"])

    ids = {"waiting": ask(RISKY), "rejected": ask(RISKY), "done": ask(PLAIN, TARGET)}
    ids["can be undone"] = ask(CAN_BE_UNDONE, job=_job(portal))
    portal.api("POST", f"action/{ids['rejected']}/reject", {"reason": "no"})
    return ids


def _picture(portal: Scratch) -> dict[str, str]:
    requests = portal.rows("select id, status from actions_actionrequest")
    faults = portal.rows("select id, status from chaos_injection")
    return {f"request {r['id']}": r["status"] for r in requests} | {
        f"fault {r['id']}": r["status"] for r in faults
    }


def _tasks() -> list[str]:
    app.loader.import_default_modules()
    return sorted(name for name in app.tasks if not name.startswith("celery."))


def _forge(portal: Scratch, ids: dict[str, str], repeats: int) -> int:
    """Every task with every kind of arguments, in a random order. How many were sent."""
    broker = celery.Celery(broker=portal.run_file["redis_url"])
    broker.conf.task_default_queue = app.conf.task_default_queue
    nasty: list[list[Any]] = [[], [None], [""], ["x\x00y"], [10**30], [-1], [{"a": 1}], [str(uuid.uuid4())]]
    known: list[list[Any]] = [[i] for i in ids.values()] + [[i, "admin"] for i in ids.values()]
    numbers: list[list[Any]] = [[n] for n in range(1, 6)]
    messages = [(task, args) for task in _tasks() for args in [*nasty, *known, *numbers]] * repeats
    random.Random(7).shuffle(messages)
    with broker.connection_for_write() as connection, broker.amqp.Producer(connection) as producer:
        for task, args in messages:
            broker.send_task(task, args=args, producer=producer, ignore_result=True)
    return len(messages)


def _works(portal: Scratch) -> bool:
    """The worker still does what is asked for in earnest."""
    asked = portal.api("POST", f"action/{PLAIN}", {"target": TARGET, "wait": False})
    if asked.status_code not in (httpx.codes.OK, httpx.codes.ACCEPTED):
        return False
    query = "select count(*) from actions_actionrequest where id = %s and status = 'succeeded'"
    return bool(until(lambda: portal.count(query, asked.json()["id"]), 90))


def _lost(portal: Scratch, verdict: Verdict) -> None:
    """All messages are lost, again and again, while an incident is dealt with: only time is lost."""
    portal.break_("queue_worker_crash", 120.0)
    client = redis.Redis.from_url(portal.run_file["redis_url"])
    flushed = 0

    def over() -> bool:
        nonlocal flushed
        if flushed < FLUSHES:
            client.flushall()
            flushed += 1
        return bool(portal.count("select count(*) from incidents_incident where state = 'resolved'"))

    if not until(over, 120):
        told = portal.rows("select title from incidents_timelineevent order by id desc limit 8")
        words = " | ".join(str(row["title"])[:80] for row in reversed(told))
        verdict.must(False, f"an incident whose messages were lost is not resolved after 120 s: {words}")
    verdict.figures["flushes"] = flushed
    portal.manage("revert", "--all", check=False)
    verdict.must(live_faults(portal) == 0, "a fault is still in")
