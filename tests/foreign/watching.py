"""A whole portal beside the guest book, known only from outside, and what becomes of one breakage in its care."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from opsportal.attack.portal import Scratch
from tests.foreign.breakages import Breakage
from tests.foreign.place import Guestbook, until

SYSTEM = "guestbook"
WITHIN_S = 240.0  # for a repair, or for saying that a person is needed
QUIET_S = 10.0  # nothing may come of it any more after that
LOOK_S = 1.0
REQUESTS = """
select r.id::text, r.slug, r.target, r.status, r.requested_by, r.incident_id, r.params
from actions_actionrequest r join systems_system s on s.id = r.system_id
where s.slug = %s order by r.requested_at
"""
SETTLED = 60.0  # seconds of quiet running in which the portal learns what is normal


@dataclass
class Outcome:
    """`verdict`: repaired, handed over, wrong. `harm`: what was made worse, in words; empty: nothing."""

    name: str
    verdict: str = "wrong"
    said: str = ""
    parts: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    harm: list[str] = field(default_factory=list)
    detected_s: float | None = None
    over_s: float = 0.0
    timeline: list[str] = field(default_factory=list)

    def row(self) -> str:
        seen = "never" if self.detected_s is None else f"{self.detected_s:.0f} s"
        did = "; ".join(self.actions) or "nothing"
        harm = "; ".join(self.harm) or "none"
        return (
            f"| {self.name} | {self.verdict} | {seen} | {self.over_s:.0f} s | {self.said} | {did} | {harm} |"
        )

    def text(self) -> str:
        return "\n".join([self.row(), *self.timeline])


def table(outcomes: list[Outcome]) -> str:
    head = "| breakage | what came of it | noticed | over | cause, as told | done | harm |"
    counts = {v: sum(o.verdict == v for o in outcomes) for v in ("repaired", "handed over", "wrong")}
    told = ", ".join(f"{n} {v}" for v, n in counts.items())
    total = f"{len(outcomes)} breakages: {told}; harm in {sum(bool(o.harm) for o in outcomes)}"
    return "\n".join([head, "|---" * 7 + "|", *(o.row() for o in outcomes), "", total])


class Care:
    """One portal that has the guest book, with the agent on, and paula who approves what it asks for."""

    def __init__(self, portal: Scratch, place: Guestbook) -> None:
        self.portal, self.place = portal, place
        portal.manage("register_system", str(place.manifest))
        portal.manage("agent", "on", SYSTEM)
        portal.person("paula", "actions.approve_action", "incidents.view_incident")
        time.sleep(SETTLED)
        self.wait_quiet(120)

    # --- what it says

    def incidents(self, since: datetime) -> list[dict[str, Any]]:
        """Those that were opened, or came back, since then, in full, the first one first."""
        found = self._get(f"api/incidents?system={SYSTEM}")
        mine = [i["number"] for i in reversed(found) if datetime.fromisoformat(i["opened_at"]) >= since]
        return [self._get(f"api/incidents/{number}") for number in mine]

    def open(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get(f"api/incidents?system={SYSTEM}&open=true")
        return found

    def requests(self) -> list[dict[str, Any]]:
        return self.portal.rows(REQUESTS, SYSTEM)

    def _get(self, path: str) -> Any:
        return self.portal.api("GET", path, by="paula").json()

    def approve(self) -> None:
        """As paula would, everything that waits for a person."""
        for request in self.requests():
            if request["status"] == "waiting":
                self.portal.api("POST", f"action/{request['id']}/approve", {}, by="paula")

    def wait_quiet(self, seconds: float) -> None:
        def quiet() -> bool:
            return not self.open() and not self.place.wrong()

        until(quiet, seconds, lambda: (self.place.wrong(), [i["headline"] for i in self.open()]))

    # --- one breakage

    def follow(self, breakage: Breakage) -> Outcome:
        """Break it, watch, judge, undo what is left of it, and wait until all is quiet again."""
        since = datetime.now(UTC)
        known = {r["id"] for r in self.requests()}
        pids, picture = self.place.pids(), self.place.picture()
        outcome, began = Outcome(breakage.name), time.monotonic()
        breakage.begin(self.place)
        try:
            self._watch(breakage, outcome, since, began)
        finally:
            outcome.over_s = time.monotonic() - began
            mine = [r for r in self.requests() if r["id"] not in known]
            self._judge(breakage, outcome, since, mine)
            outcome.harm += [
                f"{r['slug']} {r['target']} {r['status']}" for r in mine if r["status"] == "failed"
            ]
            now = self.place.pids()
            others = [n for n in pids if n not in breakage.restarts and now[n] != pids[n]]
            outcome.harm += [f"{name} was restarted" for name in others]
            if self._is_there(breakage):
                breakage.undo(self.place)
        until(lambda: not self.place.wrong(), 90, lambda: (outcome.text(), self.place.wrong()))
        after = self.place.picture()
        outcome.harm += [f"{key} is another" for key in sorted(picture) if after.get(key) != picture[key]]
        self.wait_quiet(180)
        return outcome

    def _is_there(self, breakage: Breakage) -> bool:
        try:
            return breakage.here(self.place) or bool(self.place.wrong())
        except Exception:  # what cannot even be asked is not well
            return True

    def _watch(self, breakage: Breakage, outcome: Outcome, since: datetime, began: float) -> None:
        """Until it is well and told so, or a person is to see to it and nothing more happens."""
        quiet_since: float | None = None
        while time.monotonic() - began < WITHIN_S:
            self.approve()
            found = self.incidents(since)
            if found and outcome.detected_s is None:
                outcome.detected_s = time.monotonic() - began
            ends = {i["state"] for i in found}
            over = bool(found) and ends <= {"resolved", "handed_over", "merged"}
            if over and "handed_over" not in ends and not self._is_there(breakage):
                return
            if not over:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > QUIET_S:
                return
            time.sleep(LOOK_S)

    def _judge(
        self, breakage: Breakage, outcome: Outcome, since: datetime, mine: list[dict[str, Any]]
    ) -> None:
        found = self.incidents(since)
        outcome.said = "; ".join(dict.fromkeys(i["headline"] for i in found))
        outcome.parts = [part for i in found if (part := _part(i))]
        outcome.actions = [f"{r['slug']} {r['target']}: {r['status']}" for r in mine]
        for one in found:
            outcome.timeline.append(f"  #{one['number']} {one['state']} {one['cause']}: {one['headline']}")
            events = [e for e in one["events"] if datetime.fromisoformat(e["at"]) >= since]
            outcome.timeline += [f"    {e['at'][11:19]} {e['kind']}: {e['title']}" for e in events]
        states = {i["state"] for i in found}
        well = not self._is_there(breakage)
        if (
            well
            and found
            and states <= {"resolved", "merged"}
            and any(r["status"] == "succeeded" for r in mine)
        ):
            outcome.verdict = "repaired"
        elif "handed_over" in states and set(outcome.parts) & set(breakage.parts):
            outcome.verdict = "handed over"


def _part(incident: dict[str, Any]) -> str:
    """The part that an incident's leading explanation is about; "": none is named."""
    return next((bar["component"] for bar in incident["hypotheses"] if bar["component"]), "")


@contextlib.contextmanager
def in_care(folder: Path, place: Guestbook) -> Iterator[Care]:
    """A portal that was given the manifest and nothing else. `folder` may be walked by everybody, as Postgres must."""
    portal = Scratch(folder / "portal", sandbox=False)
    try:
        portal.start()
        yield Care(portal, place)
    finally:
        portal.stop()
        with contextlib.suppress(httpx.HTTPError):
            portal.left(20)
