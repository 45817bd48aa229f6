"""`python -m shop.kit.start COMMAND...`: the command, with the variables of ENV_FILE as they are at this moment.

The entry point of a container: what a container was made with never changes, a file that is mounted does.
"""

from __future__ import annotations

import os
import sys


def variables(text: str) -> dict[str, str]:
    """KEY=VALUE lines; empty lines and # comments are skipped."""
    lines = [line.strip() for line in text.splitlines()]
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value for key, sep, value in pairs if sep}


def main() -> None:
    if path := os.environ.get("ENV_FILE"):
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - keep imports few
            os.environ.update(variables(file.read()))
    argv = [sys.executable if word == "python" else word for word in sys.argv[1:]]
    os.execvp(argv[0], argv)  # noqa: S606 - it becomes the command


if __name__ == "__main__":
    main()
