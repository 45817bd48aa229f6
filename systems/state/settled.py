"""What one source last read, and what is different now.

A value that was never seen is no change: it is what things are compared with from then on. An area that was not read
is unknown, and stays as it was. What changes often in peace is not settled: it is told a few times, then no more,
until it has been still for a while.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from systems.redact import MASK, Redactor
from systems.state import masking, renamed, words
from systems.state.facts import Area, Fact, Facts, Read
from systems.state.types import Change, Place

OFTEN = 5  # changes of one kind of thing ...
WITHIN_S = 3600.0  # ... in this time make it volatile
MOST = 40  # changes of one area in one read that are told one by one
UNKNOWN = "?"  # the mark of what cannot be compared
SLACK_S = 2.0  # of clocks, for times that others tell


@dataclass(frozen=True, slots=True)
class Kept:
    """One value as it may be kept. `told`: the end that was told of, epoch seconds."""

    mark: str
    shown: str
    kind: str
    parent: str = ""
    coming: str = ""  # its mark
    coming_shown: str = ""
    told: float = 0.0
    loaded: bool = False
    owner: str = ""


Seen = dict[str, Kept]
Rest = tuple[float, float]  # when the old value was last seen, when the new one was first


class Settled:
    """The state of one source. Not for two threads at once, but for `same` and `forgive`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.areas: dict[Area, Seen] = {}
        self.read_at: dict[Area, float] = {}
        self.often: dict[str, list[float]] = {}
        self.volatile: set[str] = set()
        self._raw: dict[Area, Facts] = {}
        self._next_end = float("inf")

    def same(self, read: Read, began: float) -> bool:
        """Whether there is nothing to `take`; notes that it was looked at then."""
        if began >= self._next_end or any(
            facts is not (known := self._raw.get(area)) and facts != known for area, facts in read.items()
        ):
            return False
        self.read_at.update(dict.fromkeys(read, began))
        return True

    def take(
        self,
        read: Read,
        began: float,
        ended: float,
        hide: Callable[[], Redactor],
        *,
        peace: bool = True,
        pinned: Callable[[], Read] = dict,
    ) -> list[Change]:
        """What is different in `read`, which was read from `began` to `ended` (epoch seconds)."""
        redactor = hide()
        found: list[Change] = []
        new = [area for area in read if area not in self.areas]
        golden = pinned() if new else {}
        for area, facts in read.items():
            raw = self._raw.get(area)
            if raw is None or facts != raw:
                rest = self.read_at.get(area, began), ended
                look = _Look(self.source, area, rest, redactor)
                if area in self.areas:
                    changes = self._bounded(look, list(look.differences(self.areas[area], facts)))
                    found += [c for c in changes if self._is_settled(c, area, ended, peace)]
                else:
                    found += look.against(golden.get(area, {}), facts)
                told = {w: k.told for w, k in self.areas.get(area, {}).items()}
                self.areas[area] = {w: look.kept(w, f, told.get(w, 0.0)) for w, f in facts.items()}
                self._raw[area] = facts
            found += self._ended(area, facts, ended)
            self.read_at[area] = began
        self._next_end = min(self._ends(), default=float("inf"))
        return found

    def forgive(self, since: float) -> None:
        """What changed since then was no peace: it does not count as volatile."""
        for key, times in list(self.often.items()):
            self.often[key] = [t for t in times if t < since]

    def _is_settled(self, change: Change, area: Area, at: float, peace: bool) -> bool:
        """Whether it is worth telling. Digits do not count: the table of each day is one kind of thing."""
        key = "\0".join((*area, re.sub(r"\d+", "#", change.what)))
        times = [t for t in self.often.get(key, []) if at - t < WITHIN_S]
        if not times:
            self.volatile.discard(key)
        if (peace or change.kind == "act") and (not times or times[-1] != at):
            times.append(at)
        self.often[key] = times
        if key in self.volatile:
            return False
        if len(times) >= OFTEN:
            self.volatile.add(key)
        return True

    def _bounded(self, look: _Look, changes: list[Change]) -> list[Change]:
        if len(changes) <= MOST:
            return changes
        rest = len(changes) - MOST
        last = changes[MOST]
        told = f"{rest} more of {look.area[1]} of {look.area[0]} changed at once"
        return [
            *changes[:MOST],
            replace(last, what=look.area[1], before=None, after=f"{rest} more", words=told, place=None),
        ]

    def _ends(self) -> Iterator[float]:
        for area, facts in self._raw.items():
            for what, fact in facts.items():
                if fact.ends is not None and fact.ends != self.areas[area][what].told:
                    yield fact.ends

    def _ended(self, area: Area, facts: Facts, now: float) -> Iterator[Change]:
        for what, fact in facts.items():
            kept = self.areas[area][what]
            if fact.ends is not None and fact.ends <= now and fact.ends != kept.told:
                self.areas[area][what] = replace(kept, told=fact.ends)
                end = moment(fact.ends)
                told = f"`{what}` of {area[0]} ran out at {end:%Y-%m-%d %H:%M:%S} UTC"
                yield Change(
                    "", area[0], "deadline", what, None, kept.shown, end, end, source=self.source, owner=fact.owner,
                    words=told,
                )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Look:
    """One area looked at once."""

    source: str
    area: Area
    rest: Rest
    hide: Redactor

    def kept(self, what: str, fact: Fact, told: float = 0.0) -> Kept:
        coming = fact.coming
        return Kept(
            masking.mark(self.area, what, fact.value),
            masking.shown(fact, fact.value, self.hide),
            fact.kind,
            fact.parent,
            masking.mark(self.area, what, coming) if coming is not None else "",
            masking.shown(fact, coming, self.hide) if coming is not None else "",
            told,
            fact.loaded,
            fact.owner,
        )

    def differences(self, before: Seen, facts: Facts) -> Iterator[Change]:
        then = {w: k.shown for w, k in before.items() if renamed.is_number(w)}
        now = {w: f.value for w, f in facts.items() if renamed.is_number(w)}
        moved = renamed.moved(then, now)
        before = self._under_new_names(before, dict(moved.values()))
        gone = {w: k for w, k in before.items() if w not in facts and w not in then}
        fresh = {w: f for w, f in facts.items() if w not in before and w not in now}
        for what, kept in gone.items():
            if kept.parent not in gone and kept.kind != "act":
                more = sum(k.parent == what for k in gone.values())
                was = Fact("", kept.kind, owner=kept.owner, loaded=kept.loaded)
                yield self._change(what, was, self.hide.text(kept.shown), None, (kept.mark, ""), more=more)
        for what, fact in fresh.items():
            if fact.parent not in fresh and not (fact.act and fact.value in ("", "0")):
                more = sum(f.parent == what for f in fresh.values())
                marks = "", self._mark(what, fact)
                yield self._change(
                    what, fact, None, masking.shown(fact, fact.value, self.hide), marks, more=more
                )
        told = bool(gone or fresh)
        for what, fact in sorted(facts.items(), key=lambda item: item[1].parent == "*"):
            if what in now and what not in moved:
                continue
            if what in before and not (told and fact.parent == "*"):
                for change in self._difference(what, before[what], fact):
                    told = True
                    yield change

    def _under_new_names(self, before: Seen, names: dict[str, str]) -> Seen:
        """What is known of what is called otherwise now, so that all else that changed of it is told as well. What was
        not kept whole cannot be compared under another name, and counts as it is."""
        if not names:
            return before
        found: Seen = {}
        for what, kept in before.items():
            new, parent = renamed.under(what, names), renamed.under(kept.parent, names)
            if new == what or renamed.is_number(what):
                found[what] = kept
            elif MASK not in kept.shown and "body " not in kept.shown and len(kept.shown) < masking.SHOWN:
                mark = masking.mark(self.area, new, kept.shown)
                found[new] = replace(kept, mark=mark, parent=parent)
            else:
                found[new] = replace(kept, mark=UNKNOWN, parent=parent)
        return found

    def _difference(self, what: str, kept: Kept, fact: Fact) -> Iterator[Change]:
        now = self.kept(what, fact)
        old, was = self.hide.text(kept.shown), self.hide.text(kept.coming_shown)
        if kept.mark != now.mark and kept.mark != UNKNOWN:
            if fact.act and fact.value in ("", "0"):
                return  # a counter that began anew
            yield self._change(what, fact, old, now.shown, (kept.mark, now.mark))
        elif kept.coming != now.coming and now.coming:
            marks = kept.mark, now.coming
            yield self._change(what, replace(fact, loaded=True), old, now.coming_shown, marks)
        elif kept.coming != now.coming:
            yield self._change(what, fact, was, now.shown, (kept.coming, now.mark))

    def against(self, golden: Facts, facts: Facts) -> Iterator[Change]:
        """A first look: what differs from what somebody pinned."""
        for what in sorted(golden.keys() | facts.keys()) if golden else ():
            right, now = golden.get(what), facts.get(what)
            if right is not None and now is not None and right.value == now.value:
                continue
            one = now or right
            assert one is not None
            at = right.written_at if right else next(iter(golden.values())).written_at
            look = replace(self, rest=(min(at or self.rest[0], self.rest[0]), self.rest[1]))
            before, after = (
                masking.shown(f, f.value, self.hide) if f is not None else None for f in (right, now)
            )
            marks = self._mark(what, right), self._mark(what, now)
            yield look._change(what, one, before, after, marks)

    def _mark(self, what: str, fact: Fact | None) -> str:
        return masking.mark(self.area, what, fact.value) if fact is not None else ""

    def _change(
        self,
        what: str,
        fact: Fact,
        before: str | None,
        after: str | None,
        marks: tuple[str, str],
        *,
        more: int = 0,
    ) -> Change:
        component = self.area[0]
        if fact.act:
            told = f"{component} {fact.act}"
            began = self._within(fact.effective_at) or self.rest[1]
            return self._made(what, fact, None, after, told, first_new=began)
        told = words.sentence(component, self.hide.text(what), before, after, more=more, later=fact.loaded)
        if before and after and renamed.is_number(what):
            told = words.other_name(component, before, after)
        made = self._made(what, fact, before, after, told)
        return replace(made, place=Place(self.area[1], *marks))

    def _made(
        self, what: str, fact: Fact, before: str | None, after: str | None, told: str, first_new: float = 0.0
    ) -> Change:
        old, new = self.rest
        effective = None if fact.loaded else self._within(fact.effective_at)
        return Change(
            "", self.area[0], fact.kind, self.hide.text(what)[:300], before, after, moment(min(old, first_new or new)),
            moment(first_new or new),
            written_at=_moment(self._within(fact.written_at)), effective_at=_moment(effective), source=self.source,
            owner=fact.owner, actor=fact.actor, words=told, pending=fact.loaded,
        )  # fmt: skip

    def _within(self, at: float | None) -> float | None:
        """A time that somebody tells, where it can be true: a file may be put there with an old one."""
        return at if at is not None and self.rest[0] - SLACK_S <= at <= self.rest[1] + SLACK_S else None


def moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _moment(epoch: float | None) -> datetime | None:
    return None if epoch is None else moment(epoch)
