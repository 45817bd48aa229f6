"""One door to both kinds of bundles."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from agent.foreign import ours, thinking
from agent.foreign.result import Result
from incidents.bundles import BundleError, folder
from incidents.foreign import files
from incidents.foreign.files import Budget

OURS = (
    folder.HEAD,
    folder.MANIFEST,
    folder.READINGS,
    folder.LOGS,
    *(f"{name}.json" for name in folder.LISTS),
    folder.CHANGES,
)


def diagnose(path: Path, budget: Budget | None = None) -> Result:
    """A bundle that a portal wrote is replayed, any other is read for what is in it. ValueError (`NoBundle`,
    `BundleError`) says what is wrong with the path."""
    if path.is_dir() and ours.is_ours(path):
        return ours.diagnose(path)
    packed = _packed(path)
    if packed is not None:
        with TemporaryDirectory() as place:
            if _unpacked(packed, Path(place), budget or Budget()):
                return ours.diagnose(Path(place))
    return thinking.diagnose(path, budget)


def _packed(path: Path) -> Path | None:
    """The one archive that a path is, or holds."""
    items = [p for p in path.iterdir() if p.is_file() and not p.is_symlink()] if path.is_dir() else [path]
    return items[0] if len(items) == 1 and files.ARCHIVE.search(items[0].name) else None


def _unpacked(archive: Path, place: Path, budget: Budget) -> bool:
    """Take the files of a portal's bundle out of an archive; False when it is none. Nothing else is written, and no
    name of the archive's is used as a path."""
    for seen, source in enumerate(files.find(archive, lambda _: None, budget)):
        name = PurePosixPath(source.name).name
        if name in OURS and not (place / name).exists():
            _copy(source, place / name, budget)
        elif seen > 4 * len(OURS):
            return False  # it has other things in it
    return all((place / name).exists() for name in OURS)


def _copy(source: files.Source, to: Path, budget: Budget) -> None:
    """As it was: what is kept compressed is unpacked on reading, and is compressed again."""
    with files.Limited(source.open(), budget) as raw, to.open("wb") as plain:
        if to.suffix == ".gz":
            with gzip.GzipFile(fileobj=plain, mode="wb") as packed:
                shutil.copyfileobj(raw, packed)
        else:
            shutil.copyfileobj(raw, plain)


__all__ = ["BundleError", "diagnose"]
