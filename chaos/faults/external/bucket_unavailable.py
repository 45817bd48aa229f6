"""The bucket with the pictures was deleted. Its copy in another place is there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

CLOUD, BUCKET = "cloud", "shop-assets"
OBJECTS = "*/*"


class BucketUnavailable(Fault):
    id = "bucket_unavailable"
    title = "Missing bucket"
    category = "external"
    targets = (CLOUD,)
    description = (
        "Somebody tidied up in the cloud's console and deleted the bucket with the pictures of all products."
    )
    blast_radius = "the pictures of all products"
    reverts = "the bucket is there again, with all that was in it"
    label = "real protocol (S3, signed) against a small stand-in of our own"
    expected = Expected((CLOUD,), ("bucket_missing",))
    culprits = ((CLOUD, "bucket"), (CLOUD, BUCKET))
    may_touch = ("api", "api-1", "api-2", "batch")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        objects = _objects(_bucket(site))
        if not objects:
            raise FaultFailed("the bucket has no pictures; reset the sandbox first")
        return {"objects": objects}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _bin(site).parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(_bin(site), ignore_errors=True)
        _bucket(site).rename(_bin(site))

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part("the bucket with the pictures", lambda: _put_back(site))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        if not _bucket(site).is_dir():
            return f"there is no bucket {BUCKET}"
        lost = set(undo["objects"]) - set(_objects(_bucket(site)))
        return f"{len(lost)} pictures are missing" if lost else ""


def _bucket(site: Site) -> Path:
    return site.path(f"world/data/{BUCKET}")


def _bin(site: Site) -> Path:
    """Where the cloud keeps what was deleted, for a while."""
    return site.path(f"world/run/deleted/{BUCKET}")


def _objects(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob(OBJECTS))


def _put_back(site: Site) -> None:
    """Whoever made the bucket again meanwhile: what it lacks is added."""
    if not _bin(site).is_dir():
        return
    if not _bucket(site).exists():
        _bin(site).rename(_bucket(site))
        return
    shutil.copytree(_bin(site), _bucket(site), dirs_exist_ok=True)
    shutil.rmtree(_bin(site))
