"""The gate from all sides: own requests, missing rights, other doors, changed rows, replays, many clicks at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from opsportal.attack.base import Context, Verdict, until
from opsportal.attack.portal import Scratch
from opsportal.attack.watching import Starts, claimed_twice, illegal_runs

RISKY, UNDOABLE = "restart-db", "regenerate-db-creds"
CHANGES = {  # each must make the request another one than was asked for
    "target": "update actions_actionrequest set target = 'frontend' where id = %s returning id",
    "action": "update actions_actionrequest set slug = 'restart-service' where id = %s returning id",
    "parameters": """update actions_actionrequest set params = '{"x": 1}' where id = %s returning id""",
    "fingerprint": "update actions_actionrequest set fingerprint = '0' where id = %s returning id",
    "system's state": "update actions_actionrequest set digest = repeat('0', 64) where id = %s returning id",
}
RACERS = 16
FORBIDDEN = {httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED}


def run(context: Context, verdict: Verdict) -> None:
    races = context.pick(1, 3, 20)
    with context.portal("approvals") as portal:
        portal.person("asker", "actions.run_action", "incidents.view_incident")
        portal.person("both", "actions.run_action", "actions.approve_action", "incidents.view_incident")
        portal.person("decider", "actions.approve_action", "incidents.view_incident")
        target = _target(portal)
        unit = str(target)
        tries = _doors(portal, verdict, target)
        tries += _changed(portal, verdict, target)
        tries += _beside_a_demo(portal, verdict, target)
        with Starts(portal) as starts:
            for number in range(races):
                _race(portal, verdict, target, number)
            until(lambda: not _moving(portal), 60)
            runs = portal.count(
                "select count(*) from actions_actionrequest where slug = %s and claimed_at is not null", RISKY
            )
            doubled = max(0, starts.of[unit] - runs)
        verdict.figures |= {
            "tries": tries,
            "races": f"{races} x {RACERS}",
            "ran": runs,
            "doubled": doubled,
            "claimed twice": claimed_twice(portal),
            "illegal runs": illegal_runs(portal),
        }
        verdict.must(doubled == 0, f"{doubled} effects doubled")
        verdict.must(verdict.figures["claimed twice"] == 0, "a request was claimed twice")
        verdict.must(verdict.figures["illegal runs"] == 0, f"illegal runs: {verdict.figures['illegal runs']}")
        verdict.must(runs <= races + 1, f"{runs} runs of {races + 1} approved requests")


def _target(portal: Scratch) -> str:
    kinds = portal.api("GET", "action").json()
    return str(next(k["targets"][0] for k in kinds if k["action"] == RISKY))


def _ask(portal: Scratch, target: str, by: str) -> dict[str, Any]:
    found: dict[str, Any] = portal.api(
        "POST", f"action/{RISKY}", {"target": target, "wait": False}, by=by
    ).json()
    return found


def _status(portal: Scratch, request_id: str) -> str:
    return str(portal.rows("select status from actions_actionrequest where id = %s", request_id)[0]["status"])


def _moving(portal: Scratch) -> int:
    return portal.count("select count(*) from actions_actionrequest where status in ('approved', 'running')")


def _doors(portal: Scratch, verdict: Verdict, target: str) -> int:
    """Who may not decide, at the API and at the pages, of an action and of its undo."""
    mine = _ask(portal, target, "both")["id"]
    answers = {
        "without the right, API": portal.api("POST", f"action/{mine}/approve", by="asker").status_code,
        "own request, API": portal.api("POST", f"action/{mine}/approve", by="both").status_code,
    }
    with portal.browser("asker") as page:
        form = {"verdict": "approve", "reason": "please"}
        answers["without the right, page"] = page.post(f"approvals/{mine}/decide/", data=form).status_code
    with portal.browser("both") as page:
        page.post(
            f"approvals/{mine}/decide/", data={"verdict": "approve", "reason": "mine"}
        )  # redirects, with a word
    with httpx.Client(base_url=portal.url) as stranger:
        answers["no session"] = stranger.post(f"approvals/{mine}/decide/", data=form).status_code
    verdict.must(
        _status(portal, mine) == "waiting", f"decided by somebody who may not: {_status(portal, mine)}"
    )
    for what, code in answers.items():
        verdict.must(code in FORBIDDEN, f"{what}: answered {code}")
    done = portal.api("POST", f"action/{mine}/approve", {"reason": "yes"}, by="decider")
    verdict.must(done.status_code == httpx.codes.OK, f"the right person may not approve: {done.text[:200]}")
    until(lambda: _status(portal, mine) in ("succeeded", "failed"), 60)
    again = portal.api("POST", f"action/{mine}/approve", {"reason": "again"}, by="decider")
    verdict.must(again.status_code in FORBIDDEN, f"approved a second time: {again.status_code}")
    return len(answers) + 2 + _undo(portal, verdict)


def _undo(portal: Scratch, verdict: Verdict) -> int:
    """What was risky is taken back by a request of its own, whatever the door: asked with the right, once, and run only
    after somebody else's word."""
    done = portal.api("POST", f"action/{UNDOABLE}", {"target": "", "wait": False}, by="asker").json()["id"]
    portal.api("POST", f"action/{done}/approve", {"reason": "yes"}, by="decider")
    until(lambda: _status(portal, done) in ("succeeded", "failed"), 90)
    verdict.must(_status(portal, done) == "succeeded", f"{UNDOABLE}: {_status(portal, done)}")
    answers = {"API": portal.api("POST", f"action/{done}/rollback", by="decider").status_code}
    with portal.browser("decider") as page:
        answers["page"] = page.post(f"approvals/{done}/undo/").status_code
    for door, code in answers.items():
        verdict.must(code in FORBIDDEN, f"undo without the right, {door}: answered {code}")
    with portal.browser("both") as page:
        page.post(f"approvals/{done}/undo/")
    portal.api("POST", f"action/{done}/rollback", by="both")
    undos = portal.rows("select id from actions_actionrequest where undo_of_id = %s", done)
    verdict.must(len(undos) == 1, f"asked twice, {len(undos)} undos")
    undo = str(undos[0]["id"])
    own = portal.api("POST", f"action/{undo}/approve", {"reason": "mine"}, by="both").status_code
    verdict.must(own in FORBIDDEN, f"own undo approved: {own}")
    stood = (_status(portal, done), _status(portal, undo))
    verdict.must(stood == ("succeeded", "waiting"), f"undone without anybody's word: {stood}")
    portal.api("POST", f"action/{undo}/approve", {"reason": "yes"}, by="decider")
    back = until(lambda: _status(portal, done) == "rolled_back", 90)
    verdict.must(bool(back), f"an approved undo is not run: {_status(portal, undo)}")
    return len(answers) + 3


def _changed(portal: Scratch, verdict: Verdict, target: str) -> int:
    """A row that was changed after it was asked for is not what anybody agrees to."""
    for what, change in CHANGES.items():
        request_id = _ask(portal, target, "asker")["id"]
        portal.rows(change, request_id)
        portal.api("POST", f"action/{request_id}/approve", {"reason": "yes"}, by="decider")
        until(lambda: not _moving(portal), 30)
        ran = portal.count(
            "select count(*) from actions_actionrequest where id = %s and claimed_at is not null", request_id
        )
        verdict.must(ran == 0, f"ran although its {what} was changed")
        portal.rows(
            "update actions_actionrequest set status = 'cancelled' where id = %s and status = 'waiting' returning id",
            request_id,
        )
    return len(CHANGES)


def _beside_a_demo(portal: Scratch, verdict: Verdict, target: str) -> int:
    """While what a demo's agent asks is approved in advance, others wait for a person, however they ask."""
    given = (
        "from actions import grants; from chaos.gameday import allowed; from systems.models import System; "
        "print(grants.give(System.objects.get(), scope='demo', scope_id='attack', requester='agent', "
        "actions={actions}, created_by='demo', reason='attack', minutes=5).pk)"
    )
    portal.manage("shell", "-v0", "-c", given.format(actions="allowed.MENDS"))
    everything = portal.manage("shell", "-v0", "-c", given.format(actions="['*']"), check=False)
    verdict.must(everything.returncode != 0, "a grant was given for every action")
    portal.person("agent", "actions.run_action")  # an account that is called like the agent
    tried = [_ask(portal, target, by)["id"] for by in ("asker", "both", "agent")]
    until(lambda: not _moving(portal), 30)
    for request_id in tried:
        found = _status(portal, request_id)
        verdict.must(found == "waiting", f"approved by a grant that is not theirs: {found}")
    portal.rows("update actions_policygrant set revoked_at = now() returning id")
    portal.rows(
        "update actions_actionrequest set status = 'cancelled' where id = any(%s) returning id", tried
    )
    return len(tried) + 1


def _race(portal: Scratch, verdict: Verdict, target: str, number: int) -> None:
    """Yes and no from many hands at once: one decision."""
    request_id = _ask(portal, target, "asker")["id"]

    def click(hand: int) -> int:
        verb = "approve" if hand % 2 else "reject"
        return portal.api(
            "POST", f"action/{request_id}/{verb}", {"reason": f"hand {hand}"}, by="decider"
        ).status_code

    with ThreadPoolExecutor(RACERS) as pool:
        codes = list(pool.map(click, range(RACERS)))
    decisions = portal.count("select count(*) from actions_decision where request_id = %s", request_id)
    taken = codes.count(httpx.codes.OK)
    verdict.must(
        decisions == 1 and taken == 1, f"race {number}: {taken} answers taken, {decisions} decisions"
    )
    verdict.must(not any(c >= httpx.codes.INTERNAL_SERVER_ERROR for c in codes), f"race {number}: 5xx")
