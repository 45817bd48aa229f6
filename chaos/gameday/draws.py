"""Which runs a game day has: faults by name, and draws from a seed of unknown ones and of pairs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from chaos.faults.base import Fault

PLAIN, DECOYS, UNKNOWN, UNTRACEABLE, PAIRS = "plain", "decoys", "unknown", "untraceable", "pairs"


@dataclass(frozen=True)
class Draw:
    """One run. `mode`: as it stands in the table. `amid`: harmless changes are made around it."""

    faults: tuple[str, ...]
    seed: int
    mode: str = PLAIN
    amid: bool = False

    @property
    def name(self) -> str:
        return "+".join(self.faults)

    @property
    def key(self) -> tuple[str, int, str]:
        return self.name, self.seed, self.mode


def drawn(ids: Sequence[str], number: int, seeds: Sequence[int], mode: str) -> list[Draw]:
    """`number` for each seed, amid harmless changes: every one once in the order of the seed, then each once more
    with another seed of its own (what it does to what is drawn from that)."""
    found = []
    for seed in seeds:
        order: list[str] = []
        while ids and len(order) < number:
            order += random.Random(f"{mode}:{seed}:{len(order)}").sample(sorted(ids), len(ids))
        for place, fault in enumerate(order[:number]):
            found.append(Draw((fault,), seed + 10_000 * (place // len(ids)), mode, True))
    return found


def pairs(
    faults: Mapping[str, Fault], number: int, seeds: Sequence[int], reach: Callable[[Fault], set[str]]
) -> list[Draw]:
    """`number` pairs for each seed, of faults that are not in the same parts."""
    apart = [
        (a, b)
        for a, b in combinations(sorted(faults), 2)
        if not faults[a].restraint and not faults[b].restraint and not reach(faults[a]) & reach(faults[b])
    ]
    found = []
    for seed in seeds:
        order = random.Random(f"{PAIRS}:{seed}").sample(apart, len(apart))
        found += [Draw(pair, seed, PAIRS) for pair in order[:number]]
    return found
