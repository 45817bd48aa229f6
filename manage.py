#!/usr/bin/env python3
"""Entry to every command of the portal. `up` starts it; the others talk to the copy that is running."""

import os
import sys


def main(argv: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    if argv[1:2] == ["up"]:
        from opsportal.local.up import main as up

        return up(argv[2:])
    from opsportal.local import attach, instance

    argv, attached = attach.attach(argv)
    if instance.needs_portal(argv) and not attached.running and not attached.explicit:
        return instance.run_with_own(argv, attached.data_dir)
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(argv)
    except OperationalError as error:
        if attached.running or attached.explicit:
            raise
        print(f"ops: {attached.hint} ({str(error).splitlines()[0]})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
