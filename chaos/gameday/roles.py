"""What was recorded of a system that is called otherwise, told by the roles that the answer key speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chaos.alterations import Touched
from chaos.gameday.grading import Act, Record, Said
from chaos.names import Names


def of_record(found: Record, names: Names) -> Record:
    if names.plain:
        return found
    return replace(
        found,
        first=_said(found.first, names), last=_said(found.last, names), handed_over=_said(found.handed_over, names),
        acts=of_acts(found.acts, names), note=names.told_back(found.note),
    )  # fmt: skip


def of_acts(acts: Sequence[Act], names: Names) -> list[Act]:
    return [
        replace(
            act, target=names.told_back(act.target), reaches=names.roles(act.reaches),
            interrupts=names.roles(act.interrupts),
            takes_back=of_touched(act.takes_back, names) if act.takes_back else None,
            writes=frozenset((names.role(part), kind) for part, kind in act.writes),
        )
        for act in acts
    ]  # fmt: skip


def of_touched(touched: Touched, names: Names) -> Touched:
    return Touched(names.role(touched.component), touched.kind, names.told_back(touched.what))


def of_groups(groups: Mapping[str, Sequence[str]], names: Names) -> dict[str, list[str]]:
    return {
        names.role(group): [names.role(member) for member in members] for group, members in groups.items()
    }


def _said(said: Said | None, names: Names) -> Said | None:
    if said is None:
        return None
    return replace(
        said, component=names.role(said.component), detail=names.told_back(said.detail),
        blames=of_touched(said.blames, names) if said.blames else None,
    )  # fmt: skip
