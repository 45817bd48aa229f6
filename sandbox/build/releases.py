"""The release folders: copies of the shop's own code, with the packages they need, and the `current` links; and the
shop's own index of packages."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from .layout import API_VERSION, BACKUP_VERSION, FRONTEND_VERSION, PLATFORM_VERSION, Layout
from .names import OWN, Names
from .renamed import rename

SOURCE = Path(__file__).parents[1] / "shop"
OLDER = Path(__file__).parents[1] / "older"  # what differed in releases of the past
VENDOR = Path(__file__).parents[1] / "vendor"  # what the api's releases bring along
INDEX = Path(__file__).parents[1] / "packages"  # what can be had besides
PACKAGES = {
    "api": ("kit", "api", "migrate", "ops"),
    "frontend": ("kit", "frontend"),
    "platform": (
        "kit",
        "gateway",
        "net",
        "worker",
        "analytics",
        "batch",
        "loadgen",
        "collector",
        "storage",
        "ops",
        "dns",
    ),
    "world": ("kit", "world", "loadgen"),
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
    index(layout.at("packages"))


def index(folder: Path) -> None:
    """A wheel of each package that can be had."""
    folder.mkdir(exist_ok=True)
    for source in sorted(INDEX.iterdir()):
        with zipfile.ZipFile(folder / f"{source.name}-py3-none-any.whl", "w") as wheel:
            for path in sorted(source.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    wheel.write(path, path.relative_to(source))


def release(folder: Path, service: str, version: str, names: Names = OWN) -> None:
    """One release of one service into `folder`. KeyError: there is no such service."""
    if (renamed := folder / names.word("shop")).exists():
        shutil.rmtree(renamed)
    copy(folder, version, PACKAGES[service])
    if service == "api":
        shutil.rmtree(folder / "vendor", ignore_errors=True)
        shutil.copytree(VENDOR, folder / "vendor", ignore=shutil.ignore_patterns("__pycache__"))
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
