"""What a whole game day goes on in, and is put back after it: by the keeper, where that was killed. No Django."""

from __future__ import annotations

from chaos.alterations import Alteration, Touched
from chaos.faults.base import FaultFailed, Undo
from chaos.site import Site

ALL_DAY_S = 24 * 3600.0


class NoGolden(Alteration):
    """Nobody finds the golden copies: the folder is called otherwise."""

    id = "no_golden"
    title = "The golden copies are put away"
    components = ("golden",)
    max_duration_s = ALL_DAY_S

    def inverse(self, site: Site, seed: int) -> Undo:
        if not (site.folder / "golden").is_dir():
            raise FaultFailed("this sandbox has no folder of golden copies")
        return {"was": "golden", "now": ".put-away"}

    def apply(self, site: Site, undo: Undo) -> None:
        (site.folder / undo["was"]).rename(site.folder / undo["now"])

    def undo(self, site: Site, undo: Undo) -> None:
        if (site.folder / undo["now"]).is_dir() and not (site.folder / undo["was"]).exists():
            (site.folder / undo["now"]).rename(site.folder / undo["was"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        return "" if (site.folder / undo["was"]).is_dir() else "the golden copies are put away"

    def touched(self, undo: Undo) -> list[Touched]:
        return []


CIRCUMSTANCES: dict[str, Alteration] = {made.id: made for made in (NoGolden(),)}
