"""Which runs are asked for: by name, all of a catalogue, or drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaos import registry, service
from chaos.alterations import Alteration, LoadFailed
from chaos.faults.base import Fault
from chaos.gameday import draws
from chaos.gameday.draws import DECOYS, PLAIN, UNKNOWN, UNTRACEABLE, Draw
from chaos.scorecard import reach
from chaos.unknown.registry import UNKNOWN as OWN
from systems.models import System


class NotPossible(ValueError):
    """These runs cannot be made; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """`faults`: ids; with none and no numbers: all. `unknown`, `untraceable`, `pairs`: so many for each seed."""

    faults: Sequence[str]
    seeds: Sequence[int]
    mode: str = PLAIN
    all: bool = False
    unknown: int = 0
    untraceable: int = 0
    pairs: int = 0
    injectors: Path | None = None
    blind: str = ""


def plan(wanted: Wanted, system: System) -> list[Draw]:
    """In order: those by name, then the drawn ones. NotPossible says what is wrong."""
    driver = service.driver_of(system)
    strange = {n: a for n, a in _alterations(wanted.injectors).items() if driver in a.drivers}
    here = {n: f for n, f in registry.FAULTS.items() if driver in f.drivers}
    names = _named(wanted, here, strange)
    found = [_one(name, seed, wanted.mode) for seed in wanted.seeds for name in names]
    for mode, number in ((UNKNOWN, wanted.unknown), (UNTRACEABLE, wanted.untraceable)):
        ids = [name for name, made in strange.items() if made.traceable is (mode == UNKNOWN)]
        if number and not ids:
            raise NotPossible(f"there are no {mode} faults to draw from{_where(wanted.injectors)}")
        found += draws.drawn(ids, number, wanted.seeds, mode)
    found += draws.pairs(here, wanted.pairs, wanted.seeds, lambda fault: reach(fault, system)[0])
    return [replace(draw, mode=_mode(draw.mode, wanted)) for draw in found]


def _mode(drawn: str, wanted: Wanted) -> str:
    """As it stands in the table: `unknown`, `noise`, `unknown in noise`, `blind to logs`."""
    around = f"blind to {wanted.blind}" if wanted.blind else wanted.mode
    if drawn in (PLAIN, wanted.mode):
        return around
    return drawn if around in (PLAIN, DECOYS) else f"{drawn}, {around}"


def _alterations(folder: Path | None) -> Mapping[str, Alteration]:
    if folder is None:
        return OWN
    try:
        return {name: registry.LOADED[name] for name in registry.add(folder)}
    except LoadFailed as error:
        raise NotPossible(str(error)) from None


def _named(wanted: Wanted, here: Mapping[str, Fault], strange: Mapping[str, Alteration]) -> list[str]:
    if list(wanted.faults) == ["none"]:
        return []
    if not wanted.faults:
        if (wanted.unknown or wanted.untraceable or wanted.pairs) and not wanted.all:
            return []
        return list(strange) if wanted.injectors is not None and not wanted.all else list(here)
    try:
        return [service.resolve(name)[0] for name in wanted.faults]
    except service.Refused as error:
        raise NotPossible(str(error)) from None


def _one(name: str, seed: int, mode: str) -> Draw:
    """One that no runbook knows is put in amid harmless changes, however it was asked for."""
    made = registry.find(name)
    if isinstance(made, Alteration):
        return Draw((name,), seed, UNKNOWN if made.traceable else UNTRACEABLE, True)
    return Draw((name,), seed, mode, mode == DECOYS)


def _where(folder: Path | None) -> str:
    return f" in {folder}" if folder is not None else ""
