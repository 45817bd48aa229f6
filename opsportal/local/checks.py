"""`./ops test`: style, types, import directions, then every test. With arguments: only pytest."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

CHECKS: dict[str, list[str]] = {
    "ruff": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "imports": ["-c", "from importlinter.cli import lint_imports_command as main; main()"],
}
# Fast ones share the cores. Patient ones wait most of the time: two go side
# by side; so do those that only need a portal of their own. What is tried on a sandbox of processes and on one of
# containers is tried on both at once. The other slow ones measure whole portals and sandboxes: each has the machine to
# itself.
SLOWEST = ("--durations", "10", "--durations-min", "15")  # are told, for whoever has to make it faster
CORES = min(4, os.cpu_count() or 1)
TESTS: dict[str, list[str]] = {
    "fast tests": ["-m", "not slow", "-n", str(CORES), "--dist", "worksteal"],
    "patient tests": ["-m", "slow and patient", "-n", str(min(2, CORES)), "--dist", "loadfile"],
    "paired tests": ["-m", "slow and paired", "-n", str(min(2, CORES))],
    "twin tests": ["-m", "slow and twin", "-n", str(min(2, CORES)), "--dist", "loadgroup"],
    "slow tests": ["-m", "slow and not patient and not paired and not twin"],
}


def _check(name: str) -> tuple[str, int, str, float]:
    """(name, exit code, output, seconds)."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, *CHECKS[name]], capture_output=True, text=True)
    return name, done.returncode, (done.stdout + done.stderr).strip(), time.monotonic() - started


def main(arguments: list[str]) -> int:
    pytest = [sys.executable, "-m", "pytest"]
    if arguments:
        return subprocess.run([*pytest, *arguments]).returncode
    results: dict[str, bool] = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, code, output, seconds in pool.map(_check, CHECKS):
            results[name] = code == 0
            print(f"== {name}: {'ok' if code == 0 else 'FAILED'} ({seconds:.1f} s)", flush=True)
            if code:
                print(output, flush=True)
    for name, chosen in TESTS.items():
        print(f"== {name}", flush=True)
        results[name] = subprocess.run([*pytest, "-q", *SLOWEST, *chosen]).returncode == 0
    print("ops test: " + ", ".join(f"{name} {'ok' if ok else 'FAILED'}" for name, ok in results.items()))
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
