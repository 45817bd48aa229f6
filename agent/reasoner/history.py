"""What the changes of a ledger say of each other: what was one go, what was put back, what our own acts made."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from agent.reasoner.board import Board
from agent.reasoner.types import Change
from systems.graph import SystemGraph
from systems.state.renamed import is_number
from systems.state.types import ALIKE, BELOW, RUNTIME

LOOKED_BACK_S = 7 * 86_400.0
SOON_S = 15.0  # members are compared a little after they were read
ONE_GO_S = 3.0  # changes of one kind to one part within this are one
PARTS_S = 20.0  # that members differ is told once it has lasted
OF_A_MOMENT = ("act", "crossing", "deadline", "invariant")  # no settled value to go back to
OURS_S = 2.0
STARTED_S = 6.0
SEES_STARTS = "unit_down"  # whoever reads this of a part reads its starts
WRITTEN = ("config", "env", "file", "spec")  # what somebody writes, and what then runs as it is written
RUNS = ("route", "setting")
ENTRY = re.compile(r"(.+?)\.\d+(?:\.|$)")  # what stands in a list, by its place
RUN, STOPPED = "run", "stopped"
BY_A_START = (*WRITTEN, "release")  # what counts from the next start on
STARTED_FOR_S = 6.0  # it is written, started, and both are read
ROLE, FOLLOWS = "primary or standby", "follows"  # of a server among others
OF_THE_TARGET = ("permissions", "owner")  # of a link: they are others where it points to something else
RIGHTS_OF, OWNER = "rights of ", "owner "
AS_ONE = {"limit": "setting"}  # what is set in one go by the same command


def waits(change: Change, now: float | None, board: Board) -> bool:
    """Whether it is written and not in effect: its part was not started since, and its starts are seen. The start
    itself is seen a little later, so what is quite new may be; and a start that came to nothing was one."""
    own = (n for n in board.true if n.service == change.component and n.klass == "own")
    ended = (n for n in own if n.ends and n.signal != SEES_STARTS)
    if any((n.onset or 0.0) >= change.last_old.timestamp() for n in ended):
        return False
    settled = change.pending and change.kind not in OF_A_MOMENT
    unit = board.get(SEES_STARTS, change.component)
    seen = unit is not None and unit.value is not None
    return settled and seen and now is not None and now - change.first_new.timestamp() > STARTED_S


def together(changes: Sequence[Change], graph: SystemGraph) -> list[tuple[list[Change], str]]:
    """What was changed in one go, with its part; gos and changes, the newest first. Where all replicas were changed
    alike it is the group's."""
    gos: dict[tuple[str, str, int], list[Change]] = {}
    for change in sorted(
        _not_following(whole(changes, graph)), key=lambda c: (c.first_new, c.what), reverse=True
    ):
        of = members(change.component, graph)
        party = next((g for g, names in graph.groups.items() if of and of[0] in names), change.component)
        gos.setdefault(
            (party, AS_ONE.get(change.kind, change.kind), int(change.first_new.timestamp() / ONE_GO_S)), []
        ).append(change)
    found = []
    for (party, _, _), made in gos.items():
        parts = {c.component for c in made}
        alike = len(parts) > 1 and parts >= {*graph.groups.get(party, ())}
        found += (
            [(made, party)] if alike else [([c for c in made if c.component == p], p) for p in sorted(parts)]
        )
    return found


def whole(changes: Sequence[Change], graph: SystemGraph) -> list[Change]:
    """Without what changed of a thing in the go in which the thing itself did: who owns a table has its rights. What is
    called otherwise since has all that is said of it, and its indexes speak of it, under the new name."""
    things: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        for name in _called(change):
            things.setdefault((change.component, name), []).append(change)

    def follows(change: Change) -> bool:
        if (
            change.kind == "invariant"
        ):  # what a group promises is broken by a change to a member, and mended so
            return any(
                change.what.startswith(o.what)
                and 0 <= (change.first_new - o.first_new).total_seconds() < SOON_S
                for o in changes
                if o.kind != "invariant" and o.component in members(change.component, graph)
            )
        of, _, said = change.what.rpartition(": ")
        if said in OF_THE_TARGET and any(
            o.component == change.component and o.what == f"{of}: points to" and _in_one_go(o, change)
            for o in changes
        ):
            return True
        if said.startswith(RIGHTS_OF) and any(
            o.component == change.component and _in_one_go(o, change) and _handed_over(o, change)
            for o in changes
        ):
            return True
        own = things.get((change.component, of), ())
        return any(o is not change and _in_one_go(o, change) and _speaks_of(change, o) for o in own)

    return [c for c in changes if is_number(c.what) or not follows(c)]


def _handed_over(owned: Change, rights: Change) -> bool:
    """Whether all of a role's rights to a thing came or went because something that was the one role's is the other's:
    in whatever belongs to it the server puts the new owner in the place of the old."""
    role = rights.what.rpartition(RIGHTS_OF)[2]
    return (owned.before, rights.after) == (OWNER + role, None) or (owned.after, rights.before) == (
        OWNER + role,
        None,
    )


def _in_one_go(one: Change, other: Change) -> bool:
    return abs((one.first_new - other.first_new).total_seconds()) < ONE_GO_S


def _speaks_of(change: Change, renamed: Change) -> bool:
    """Whether a change of a table has to do with a column of it that is called otherwise; of other things, always."""
    names = [n.rpartition(": column ")[2] for n in (renamed.before, renamed.after) if n and ": column " in n]
    said = f"{change.what} {change.before} {change.after}"
    return not (is_number(renamed.what) and names) or any(
        re.search(rf"\b{re.escape(n)}\b", said) for n in names
    )


def rests_on_another(change: Change, go: Sequence[Change]) -> bool:
    """Whether it is of something made of a column that was changed in the same go: a constraint on it, an index. First
    the column has to be as it was."""
    table, _, part = change.what.partition(": ")
    said = set(re.findall(r"\w+", f"{change.before} {change.after}"))
    return not part.startswith("column ") and any(
        o.what.startswith(f"{table}: column ") and o.what.rpartition(" ")[2] in said for o in go
    )


def _called(change: Change) -> set[str]:
    """What the change is about, by all its names; of a renamed column also its table."""
    if not is_number(change.what):
        return {change.what}
    names = {name for name in (change.before, change.after) if name}
    return names | {name.rpartition(": ")[0] for name in names if ": " in name}


def _not_following(changes: Sequence[Change]) -> list[Change]:
    """All but what only shows, in what runs, what was written in the same go: values of the one are those of the
    other; a use that is near its limit since that was set; and the start by which what was written came to count."""
    settled: dict[str, list[Change]] = {}
    for change in changes:
        settled.setdefault(change.component, []).append(change)

    def beside(change: Change, kinds: Collection[str], seconds: float) -> list[Change]:
        found = (c for c in settled[change.component] if c.kind in kinds)
        return [c for c in found if abs((c.first_new - change.first_new).total_seconds()) < seconds]

    def follows(change: Change) -> bool:
        if change.kind == "crossing":  # there is less room, since somebody made it less
            return bool(beside(change, ("limit",), SOON_S))
        if change.what == ROLE:  # whom it follows says so more exactly
            return any(c.what == FOLLOWS for c in beside(change, RUNS, ONE_GO_S))
        if change.kind == "act":  # it was started so that what was written counts
            return change.what == RUN and bool(beside(change, BY_A_START, STARTED_FOR_S))
        near = beside(change, WRITTEN, ONE_GO_S)
        values = ({c.before for c in near} | {c.after for c in near}) - {None}
        own = {change.before, change.after} - {None}
        return bool(own) and own <= values

    return [c for c in changes if c.kind not in (*RUNS, "crossing", "act") or not follows(c)]


def go_of(
    change: Change, changes: Sequence[Change], members: Collection[str]
) -> tuple[list[Change], list[Change]]:
    """The change with what became the same on other replicas of `members` and what was changed of the same list, which
    is one thing; and what else of its kind was changed on its part in the same go, the newest first: `together` makes
    one of them."""
    near = [
        c
        for c in changes
        if AS_ONE.get(c.kind, c.kind) == AS_ONE.get(change.kind, change.kind)
        and _in_one_go(c, change)
        and c.id != change.id
    ]
    alike = [c for c in near if _without_name(c) == _without_name(change) and c.component in members]
    others = [c for c in near if c.component == change.component and c.what != change.what]
    of_list = _list_of(change)
    alike += [c for c in others if of_list and _list_of(c) == of_list]
    others = [c for c in others if c not in alike]
    return [change, *alike], sorted(others, key=lambda c: (c.first_new, c.id), reverse=True)


def _list_of(change: Change) -> str:
    """The list that it is an entry of, or of one: `pools.api.members` of `pools.api.members.1.url`; "" of none."""
    return ((found := ENTRY.match(change.what)) and found[1]) or ""


def _without_name(change: Change) -> tuple[str, str | None]:
    """What it is and what it became, whichever replica it is of: a file is often called by its part."""
    name = re.compile(rf"(?<![a-z0-9]){re.escape(change.component)}(?![a-z0-9])", re.IGNORECASE)
    return name.sub("*", change.what), None if change.after is None else name.sub("*", change.after)


def is_put_back(change: Change, changes: Sequence[Change]) -> bool:
    """Whether it gave a thing the value back that it had had before, or took away what had just been added: such a
    state is known to do no harm. One that somebody had brought in, and that was taken back since, is not."""
    name = (change.component, change.kind, change.what)
    earlier = [c for c in changes if (c.component, c.kind, c.what) == name and c.first_new < change.first_new]
    settled = change.kind not in OF_A_MOMENT and change.before != change.after
    was_tried = any(c.after == change.after for c in earlier)
    return settled and not was_tried and any(c.before == change.after for c in earlier)


def undone(change: Change, changes: Sequence[Change]) -> float | None:
    """When what was changed had its value from before again, in seconds since the epoch; None while it has not. A part
    that was stopped has, once it is started."""
    if change.what == STOPPED:
        after = (c for c in changes if c.component == change.component and c.what == RUN)
        started = (
            c.first_new.timestamp() for c in after if c.first_new > change.last_old
        )  # it may be the same look
        return min(started, default=None)
    if change.kind in OF_A_MOMENT or change.before == change.after:
        return None
    name = (change.component, change.kind, change.what)
    return min(
        (
            c.first_new.timestamp()
            for c in changes
            if (c.component, c.kind, c.what) == name
            and c.first_new > change.first_new
            and c.after == change.before
        ),
        default=None,
    )


def members(component: str, graph: SystemGraph) -> tuple[str, ...]:
    if component in graph.kinds:
        return (component,)
    return tuple(graph.groups.get(component, ()))


def is_ours(change: Change, changes: Sequence[Change]) -> bool:
    """Whether an act of ours made it, or it was made while that ran, or the runtime answered an end with it: then it is
    known what it was for."""
    at, until = change.last_old.timestamp(), change.first_new.timestamp()
    return change.actor in ("ours", RUNTIME) or any(
        at <= act.first_new.timestamp() + OURS_S and until >= act.last_old.timestamp() - OURS_S
        for act in changes
        if act.actor == "ours"
    )


def is_right_again(change: Change) -> bool:
    """Whether it says that what a group promises holds again, or that there is room again: that breaks nothing."""
    return (change.kind, change.after) in (("invariant", ALIKE), ("crossing", BELOW))


def parts_members(change: Change, changes: Sequence[Change], graph: SystemGraph) -> bool:
    """Whether since then the members of its group, which were alike in just that, are not: one of them is then what all
    were meant to be no more."""
    return any(
        c.kind == "invariant" and c.after != ALIKE and c.what.partition(",")[0] == change.what
        and change.component in members(c.component, graph)
        and abs((c.first_new - change.first_new).total_seconds()) <= PARTS_S
        for c in changes
    )  # fmt: skip


def is_old(change: Change, now: float | None) -> bool:
    return now is not None and now - change.first_new.timestamp() > LOOKED_BACK_S
