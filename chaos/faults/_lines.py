"""The lines of the network: each is the loopback of a network namespace of its own. Processes only; no Django."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil

from chaos.faults.base import FaultFailed
from chaos.site import Site


def inside(site: Site, edge: str, *argv: str) -> str:
    """What a command in the line's own network says. FaultFailed when there is none, or it fails."""
    try:
        pid = int(Path(site.facts["wires"][edge]).read_text())
        psutil.Process(pid)
    except (FileNotFoundError, psutil.NoSuchProcess):
        raise FaultFailed(f"the line {edge} has no network of its own") from None
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    enter = ["nsenter", "--target", str(pid), *user, "--net", *argv]
    try:
        done = subprocess.run(enter, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FaultFailed("nsenter is not installed here") from None
    if done.returncode:
        raise FaultFailed(f"{argv[0]}: {done.stderr.strip()}")
    return done.stdout


def rules(site: Site, edge: str) -> list[str]:
    """Of its packet filter, as `iptables -S` tells them."""
    return [line for line in inside(site, edge, "iptables", "-S").splitlines() if line[:2] == "-A"]
