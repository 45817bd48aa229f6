"""What the faults of this folder have in common: a draw from the seed, and hands on the database and the cache."""

from __future__ import annotations

import random
from abc import abstractmethod
from typing import Any, ClassVar

import redis as redis_client

from chaos.alterations import Alteration, Touched
from chaos.faults.base import FaultFailed, Undo
from chaos.site import Site

GROUPS = {"api": ("api-1", "api-2")}


def beside(part: str) -> tuple[str, ...]:
    """What is as right to name: a group's members, a member's group."""
    return GROUPS.get(part, tuple(group for group, members in GROUPS.items() if part in members))


class Drawn(Alteration):
    """`choices`: what the seed chooses from; the first word of each is the part that it is done to."""

    choices: ClassVar[tuple[tuple[Any, ...], ...]] = ()
    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        parts = cls.components or tuple(str(choice[0]) for choice in cls.choices)
        cls.components = tuple(dict.fromkeys(part for one in parts for part in (one, *beside(one))))
        super().__init_subclass__()

    def chosen(self, seed: int) -> list[Any]:
        """The same for a seed, and in no order of the seeds."""
        return list(random.Random(f"{self.id}:{seed}").choice(self.choices))

    def right_parts(self, undo: Undo) -> tuple[str, ...]:
        part = str(undo["chosen"][0])
        return (part, *beside(part))

    def units(self, chosen: list[Any]) -> tuple[str, ...]:
        """The members of a group, or the part itself."""
        return GROUPS.get(chosen[0], (chosen[0],))


class Value(Drawn):
    """Something that has one value, which becomes another one. A choice is (part, what it is called, ...)."""

    @abstractmethod
    def look(self, site: Site, chosen: list[Any]) -> Any:
        """What is there now, JSON-able."""

    @abstractmethod
    def change(self, site: Site, chosen: list[Any], was: Any) -> None: ...

    @abstractmethod
    def restore(self, site: Site, chosen: list[Any], was: Any) -> None: ...

    def is_well(self, now: Any, was: Any) -> bool:
        """Whether it does no harm any more: as it was, or mended in another way."""
        return bool(now == was)

    def inverse(self, site: Site, seed: int) -> Undo:
        chosen = self.chosen(seed)
        return {"chosen": chosen, "was": self.look(site, chosen)}

    def apply(self, site: Site, undo: Undo) -> None:
        self.change(site, undo["chosen"], undo["was"])

    def undo(self, site: Site, undo: Undo) -> None:
        if self.look(site, undo["chosen"]) != undo["was"]:
            self.restore(site, undo["chosen"], undo["was"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        now = self.look(site, undo["chosen"])
        return "" if self.is_well(now, undo["was"]) else f"{undo['chosen'][1]} is {now!r}"

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched(str(undo["chosen"][0]), self.kind, str(undo["chosen"][1]))]


class Sql(Value):
    """A choice is (part, what, the query that sees it, the statements that change it, those that put it back). In those
    {} stands for what was there; a statement that may be done already says so itself (IF EXISTS)."""

    family = "postgres"
    components = ("postgres",)

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return ask(site, chosen[2])

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        run(site, *chosen[3].split(";"))

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        run(site, *chosen[4].replace("{}", str(was)).split(";"))


# Whatever the database says by now.
BY_ITSELF = "SET client_encoding TO 'UTF8'; SET default_transaction_read_only TO off"


def run(site: Site, *statements: str) -> None:
    with site.superuser() as db:
        db.execute(BY_ITSELF)
        for statement in statements:
            db.execute(statement)


def ask(site: Site, question: str) -> Any:
    """The one value of the one row; None when there is no row."""
    with site.superuser() as db:
        db.execute(BY_ITSELF)
        row = db.execute(question).fetchone()
    return None if row is None else row[0]


def config(redis: redis_client.Redis, name: str) -> str:
    """A setting of the cache as it runs. FaultFailed when this release has none of that name."""
    found = redis.config_get(name)
    if name not in found:
        raise FaultFailed(f"the cache has no setting {name}")
    return str(found[name])
