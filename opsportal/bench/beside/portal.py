"""The tiny service under the whole portal: the supervisor keeps it, and who sees that it hangs is watcher and agent."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsportal.attack.portal import Scratch, Trouble
from opsportal.bench.beside.comparing import Result, Say
from opsportal.bench.beside.keepers import NAME, Ours
from opsportal.bench.figures import Series
from opsportal.local.ports import free_port

SYSTEM = "bench-tiny"
ROUND_S = 300.0  # until its incident is explained, and all is calm again
WHO = "our supervisor, watcher and agent"


def hung(repeats: int, say: Say) -> Result:
    """`repeats` rounds in a portal made for them, which acts by itself there."""
    result = Result(WHO, signal.SIGSTOP)
    with tempfile.TemporaryDirectory(prefix="opsportal-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # its Postgres may run under another account
        target = folder / "target"
        target.mkdir()
        portal, port, told = Scratch(folder / "portal", sandbox=False), free_port(), folder / "hung.json"
        try:
            with Ours().keeping(target, port):
                say("  starting a portal ...")
                portal.start()
                _take_care(portal, target, port)
                words = ["bench", "--only", "hang", "--repeats", str(repeats), "--json", str(told)]
                done = portal.manage(*words, timeout=repeats * ROUND_S, check=False)
                _take(
                    result,
                    json.loads(told.read_text()) if told.exists() else {"rows": []},
                    done.stdout + done.stderr,
                )
        except (Trouble, OSError, subprocess.TimeoutExpired) as error:
            result.why = str(error)[:300]
        finally:
            with contextlib.suppress(OSError):
                portal.stop()
    say(f"  {result.words()}")
    return result


def _take_care(portal: Scratch, target: Path, port: int) -> None:
    manifest = target / "manifest.yaml"
    manifest.write_text(json.dumps(described(port)))  # JSON is YAML
    portal.manage("register_system", str(manifest), "-v0")
    portal.manage("agent", "on", SYSTEM, "--reason", "it is there to be repaired")


def described(port: int) -> dict[str, Any]:
    """The manifest of the tiny service."""
    where = f"127.0.0.1:{port}"
    service = {"kind": "http", "unit": NAME, "tcp": where, "http": {"url": f"http://{where}/"}}
    runtime = {"driver": "process", "socket": "run/supervisor.sock"}
    return {"system": SYSTEM, "runtime": runtime, "services": {NAME: service}}


def _take(result: Result, told: Mapping[str, Any], said: str) -> None:
    """What `bench --only hang --json` wrote; a round without a time is one that was not back."""
    for row in told["rows"]:
        rounds = row["data"].get("rounds", [])
        times = [r["answering_ms"] for r in rounds if r["answering_ms"] is not None]
        result.series = Series("ms", [*result.series.samples, *times])
        result.missed += len(rounds) - len(times)
        result.why = row["note"]
    if result.median is None and not result.why:
        result.why = " ".join(said.split())[-300:] or "it says nothing"
