"""The release folders: copies of the shop's own code, and the `current` links."""

from __future__ import annotations

import shutil
from pathlib import Path

from .layout import API_VERSION, BACKUP_VERSION, FRONTEND_VERSION, PLATFORM_VERSION, Layout
from .names import OWN, Names
from .renamed import rename

SOURCE = Path(__file__).parents[1] / "shop"
OLDER = Path(__file__).parents[1] / "older"  # what differed in releases of the past
PACKAGES = {
    "api": ("kit", "api", "migrate"),
    "frontend": ("kit", "frontend"),
    "platform": ("kit", "gateway", "net", "worker", "batch", "loadgen"),
    "world": ("kit", "world"),
}
WORLD_VERSION = "1.0.0"
CURRENT = {"api": API_VERSION, "frontend": FRONTEND_VERSION, "platform": PLATFORM_VERSION}
ALL = [*CURRENT.items(), ("api", BACKUP_VERSION)]


def write(layout: Layout) -> None:
    """Every release afresh, links on the current ones. Releases we do not know stay where they are."""
    for service, version in ALL:
        release(layout.at(f"releases/{service}/{version}"), service, version, layout.names)
    for service, version in CURRENT.items():
        point(layout.at(f"releases/{service}/current"), version)
    release(layout.at("world/app"), "world", WORLD_VERSION, layout.names)


def release(folder: Path, service: str, version: str, names: Names = OWN) -> None:
    """One release of one service into `folder`. KeyError: there is no such service."""
    if (renamed := folder / names.word("shop")).exists():
        shutil.rmtree(renamed)
    copy(folder, version, PACKAGES[service])
    older = OLDER / f"{service}-{version}"
    for path in older.rglob("*.txt") if older.is_dir() else ():
        target = folder / "shop" / path.relative_to(older).with_suffix(".py")
        target.write_text(path.read_text())
    if not names.plain:
        rename(folder, names)


def copy(folder: Path, version: str, packages: tuple[str, ...]) -> None:
    """`folder`/shop with the named packages, and a VERSION file."""
    shop = folder / "shop"
    if shop.exists():
        shutil.rmtree(shop)
    shop.mkdir(parents=True)
    shutil.copyfile(SOURCE / "__init__.py", shop / "__init__.py")
    for package in packages:
        shutil.copytree(SOURCE / package, shop / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "VERSION").write_text(f"{version}\n")


def point(link: Path, version: str) -> None:
    """Make `link` a symlink to `version`, in one step."""
    fresh = link.with_name(".current.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(version)
    fresh.replace(link)
