"""An alteration: one change to the running sandbox, told in four words. Two kinds of things are written so: harmless
changes (chaos/decoys/), and faults that are no button and that no runbook knows: those of chaos/unknown/, and those of
any folder (`load`). docs/injectors.md shows how one is written.

    class Revoked(Alteration):
        id, title, components = "revoked", "A grant is gone", ("postgres",)

        def inverse(self, site, seed):        # what puts it back, as plain data, before anything is touched
            return {"table": ("stock", "orders")[seed % 2]}

        def apply(self, site, undo): ...      # make the change, from what `inverse` found
        def undo(self, site, undo): ...       # put it back: idempotent, also when half of it was done, or mended
        def still_broken(self, site, undo): ...  # in words, measured at the target; "" once it is mended
        def touched(self, undo): ...          # what it changes, as one who records changes would name it

To journal, keeper and game day it is a fault like any other. What is not a change (data that grows, load, an outside
service) is written the same way, with `traceable = False` and nothing in `touched`. No Django here.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from abc import abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNNAMED = ""  # the right cause of what no runbook knows


@dataclass(frozen=True)
class Touched:
    """One thing that is changed: `kind` as in systems/state/types.py, `what` its name (a key, path, setting, object),
    or the telling piece of it."""

    component: str
    kind: str
    what: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Alteration(Fault):
    """`components`: the parts that are right to name, whatever the seed chose. `causes`: names of causes that are right
    beside the change itself, where a runbook happens to have one. `may_touch`: what else a right repair
    may act on. `family`: what it is done to. `traceable`: whether there is a change that could be found. `drivers`:
    where it can be made. `file`: where it was loaded from, "" when it is the product's own."""

    category = "other"
    family: ClassVar[str] = ""
    traceable: ClassVar[bool] = True
    description = ""
    blast_radius = ""
    reverts = "puts back what was there"
    components: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = (UNNAMED,)
    file: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.targets = cls.components
        cls.expected = Expected(cls.components, cls.causes)

    @abstractmethod
    def inverse(self, site: Site, seed: int) -> Undo:
        """What `apply` and `undo` need, JSON-able, with all that puts it back; touches nothing. The seed chooses where
        there is a choice. Raises FaultFailed with what is missing."""

    @abstractmethod
    def apply(self, site: Site, undo: Undo) -> None:
        """Make the change."""

    @abstractmethod
    def undo(self, site: Site, undo: Undo) -> None:
        """Put it back; any number of times."""

    @abstractmethod
    def touched(self, undo: Undo) -> list[Touched]:
        """What it changes, the telling one first; nothing where no change is made."""

    def right_parts(self, undo: Undo) -> tuple[str, ...]:
        """The parts that are right to name for what the seed chose; each is one of `components`."""
        return self.components

    def culprit(self, undo: Undo) -> Touched | None:
        """What is to blame, where a diagnosis could name it, be it on another part that was changed in the same way;
        None where nothing is to be found."""
        found = self.touched(undo) if self.traceable else []
        return found[0] if found else None

    def shows(self, site: Site, undo: Undo) -> str:
        """What users or workers notice of it, measured where they would, beyond the journeys of the manifest; "" when
        that is nothing, or when the journeys tell. `still_broken` looks at what was done, this at what comes of it."""
        return ""

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return self.inverse(site, int(params.get("seed", 1)))

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        self.apply(site, undo)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part(self.title, lambda: self.undo(site, undo))]


class LoadFailed(ValueError):
    """A file of alterations cannot be used; the message says which and why."""


def load(where: Path) -> dict[str, Alteration]:
    """Those of a file, or of all files of a folder whose name does not begin with `_`, by id."""
    files = [where] if where.is_file() else sorted(p for p in where.glob("*.py") if p.name[0] not in "_.")
    if not files:
        raise LoadFailed(f"{where}: no Python file is there")
    found: dict[str, Alteration] = {}
    for file in files:
        for made in _of(file):
            if made.id in found:
                raise LoadFailed(f"{file}: {made.id} is there already")
            found[made.id] = made
    return found


def _of(file: Path) -> list[Alteration]:
    module = _module(file.resolve())
    kinds = [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Alteration) and kind.__module__ == module.__name__
    ]
    made = []
    for kind in kinds:
        if inspect.isabstract(kind) or any(kind in other.__bases__ for other in kinds):
            continue  # what others have in common
        if missing := [n for n in ("id", "title", "components") if not getattr(kind, n, None)]:
            raise LoadFailed(f"{file}: {kind.__name__} lacks {', '.join(missing)}")
        kind.file = str(file.resolve())
        made.append(kind())
    return made


def _module(file: Path) -> ModuleType:
    """The file as a module of its own name, which sees its folder's `_*.py` beside it."""
    name = f"alterations_{abs(hash(str(file)))}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise LoadFailed(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = set(sys.modules)
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise LoadFailed(f"{file}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent))
        for beside in set(sys.modules) - before:  # another folder may have one of that name
            if beside.startswith("_") and str(file.parent) in str(
                getattr(sys.modules[beside], "__file__", "")
            ):
                del sys.modules[beside]
    return module
