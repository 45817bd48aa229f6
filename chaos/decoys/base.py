"""What a harmless change is: something that has a value, which becomes another one, and does nobody any harm.

One kind is one class in a file of this folder, one line in registry.py and a row of the contract test. It is made as a
person or a deployment tool would: through the same files, accounts and commands that the faults go through.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar

from chaos.alterations import Alteration, Touched
from chaos.faults.base import Undo
from chaos.site import Site


class Decoy(Alteration):
    """`places`: (component, the rest) of which the seed chooses one. `look` gives what is there, JSON-able; the change
    is in place for as long as that is not what it was."""

    category = "harmless"
    apart: ClassVar[bool] = (
        False  # not on a part that is being broken: it would mend, or change, what is wrong there
    )
    kind: ClassVar[str]
    places: ClassVar[tuple[tuple[Any, ...], ...]]

    @abstractmethod
    def look(self, site: Site, place: list[Any]) -> Any: ...

    @abstractmethod
    def change(self, site: Site, place: list[Any], was: Any) -> None: ...

    @abstractmethod
    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        """Only what `change` made; what others did beside it meanwhile stays."""

    def what(self, place: list[Any]) -> str:
        return str(place[1])

    def seed_for(self, parts: Collection[str]) -> int | None:
        """A seed that chooses a place on one of the parts; None when it has none there."""
        return next((n for n, place in enumerate(self.places) if place[0] in parts), None)

    def inverse(self, site: Site, seed: int) -> Undo:
        place = list(self.places[seed % len(self.places)])
        return {"place": place, "was": self.look(site, place)}

    def apply(self, site: Site, undo: Undo) -> None:
        self.change(site, undo["place"], undo["was"])

    def undo(self, site: Site, undo: Undo) -> None:
        if self.look(site, undo["place"]) != undo["was"]:
            self.restore(site, undo["place"], undo["was"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        now = self.look(site, undo["place"])
        return "" if now == undo["was"] else f"{self.what(undo['place'])} is {now!r}"

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched(undo["place"][0], self.kind, self.what(undo["place"]))]
