"""docs/faults.md, from the faults themselves: `python -m chaos.describing > docs/faults.md`."""

from __future__ import annotations

import sys
from itertools import groupby

from chaos.faults.base import DRIVERS, Fault
from chaos.registry import ALIASES, FAULTS

HEAD = """# The faults

Each is a button on the chaos panel, `./ops break ID` and `POST /break/ID`. A fault writes its inverse down before it
touches anything, ends by itself at its deadline, and is taken back by the panel, by *Halt chaos*, by `./ops revert`,
and by the keeper where the portal is dead. What an agent should find is not in here.
[Chaos mode](chaos-mode.md) breaks them at random; `python -m chaos.describing > docs/faults.md` makes this page.
"""
RUNTIMES = {"process": "processes", "docker": "containers"}


def told() -> str:
    """The whole page."""
    known = sorted(FAULTS.values(), key=lambda f: (f.category, f.id))
    parts = [
        HEAD,
        f"{len(known)} in all; {sum('docker' in f.drivers for f in known)} of them in containers, too.\n",
    ]
    for category, faults in groupby(known, key=lambda f: f.category):
        parts.append(
            f"## {category.capitalize()}\n\n| id | what breaks | who feels it | how it is taken back | runs on |"
        )
        parts.append("|---|---|---|---|---|")
        parts += [_row(fault) for fault in faults]
        parts.append("")
    return "\n".join(parts)


def _row(fault: Fault) -> str:
    names = [f"`{fault.id}`", *(f"`{alias}`" for alias, (of, _) in ALIASES.items() if of == fault.id)]
    imitated = "".join(f" ({RUNTIMES[driver]}: {how})" for driver, how in fault.imitated.items())
    where = ", ".join(RUNTIMES[driver] for driver in DRIVERS if driver in fault.drivers)
    chosen = fault.intensity
    hits = f" To choose: {chosen.what}, {chosen.least:g} to {chosen.most:g}." if chosen else ""
    restraint = " **A test of restraint: nothing is to be done.**" if fault.restraint else ""
    cells = (
        ", ".join(names),
        f"**{fault.title}.** {fault.description}{hits}{restraint}",
        fault.blast_radius,
        fault.reverts,
    )
    return "| " + " | ".join((*cells, f"{where}{imitated}")) + " |"


if __name__ == "__main__":
    sys.stdout.write(told())
