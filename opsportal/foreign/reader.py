"""`python -m opsportal.foreign.reader BUNDLE OUT`: one diagnosis in a process of its own, with bounds of its own."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

MEMORY = 3 * 2**30  # bytes of addresses
CPU_S = 90


def main(bundle: Path, out: Path) -> int:
    """Write the result, or {"error": words}."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import django

    django.setup()
    from agent.foreign.service import diagnose
    from incidents.foreign.files import Budget

    try:
        found = diagnose(bundle, Budget(bytes=400_000_000)).whole()
    except MemoryError:
        found = {"error": "it needs more memory than one bundle may have"}
    except ValueError as error:
        found = {"error": str(error)}
    out.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
