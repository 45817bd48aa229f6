"""Nobody answers: one agent, two faults, an approval that passes its time again and again."""

from __future__ import annotations

import time

from opsportal.attack.base import Context, Verdict, until
from opsportal.attack.portal import Scratch
from opsportal.attack.watching import illegal_runs, now

APPROVAL_S = 8
ASKS, SECOND = "db_auth_failure", "queue_worker_crash"
FAULT_S = 590.0


def run(context: Context, verdict: Verdict) -> None:
    silent_s = context.pick(20, 45, 300)
    with context.portal("silence", OPSPORTAL_APPROVAL_SECONDS=str(APPROVAL_S)) as portal:
        portal.break_(ASKS, FAULT_S)
        asked = until(lambda: _waiting(portal), 90)
        verdict.must(bool(asked), f"{ASKS}: nobody was asked within 90 s")
        if not asked:
            return
        first = asked[0]
        given = float(str(first["given_s"]))
        verdict.must(
            given <= APPROVAL_S + 2,
            f"the approval is given {given:.0f} s, not the {APPROVAL_S} s that were set",
        )
        portal.break_(SECOND, FAULT_S)
        since = now()
        context.say(f"  {first['slug']} on {first['target']} waits; nobody answers for {silent_s} s ...")
        time.sleep(silent_s)  # the silence itself is what is tried
        started = portal.rows(
            "select slug, target from actions_actionrequest where claimed_at >= %s and incident_id = %s",
            since,
            first["incident_id"],
        )
        still = [r for r in _waiting(portal) if r["slug"] == first["slug"]]
        verdict.figures |= {
            "silent s": silent_s,
            "approval s": APPROVAL_S,
            "started because of silence": len(started),
            "still waiting": len(still),
            "illegal runs": illegal_runs(portal),
        }
        verdict.must(not started, f"started while nobody answered: {[r['slug'] for r in started]}")
        verdict.must(bool(still), f"{first['slug']} is not asked any more, and its reason still holds")
        verdict.must(verdict.figures["illegal runs"] == 0, "a high-risk action ran without a decision")
        if still:
            _answer(portal, verdict)


def _waiting(portal: Scratch) -> list[dict[str, object]]:
    return portal.rows(
        "select id, slug, target, incident_id, extract(epoch from expires_at - requested_at) as given_s "
        "from actions_actionrequest where status = 'waiting' order by requested_at"
    )


def _answer(portal: Scratch, verdict: Verdict) -> None:
    """A late yes still helps: what is asked is answered until nothing is open."""

    def over() -> bool:
        for row in _waiting(portal):
            portal.api("POST", f"action/{row['id']}/approve", {"reason": "late, but yes"})
        return not portal.open_incidents()

    began = time.monotonic()
    done = until(over, 120)
    verdict.figures["over after the answer s"] = round(time.monotonic() - began, 1)
    verdict.must(
        bool(done), f"still open 120 s after the answer: {[i['title'] for i in portal.open_incidents()]}"
    )
