"""The portal's own logs do not grow for ever: one that is long is copied aside and begun anew.

Its writer goes on with the descriptor that it has, which appends, so nothing has to be started again; what it writes
between the end of the copy and the cut, some microseconds, is lost.
"""

import os
import shutil
from pathlib import Path

MOST = 20_000_000  # bytes
OLDER = 3  # of each log: NAME.log.1 is the newest of them
EVERY_S = 60.0


def rotate(log: Path, most: int = MOST, older: int = OLDER) -> bool:
    """Whether it was long. OSError when it stays as it is, for want of room say."""
    try:
        if log.stat().st_size <= most:
            return False
    except FileNotFoundError:
        return False
    draft = log.with_name(f"{log.name}.new")
    try:
        shutil.copyfile(log, draft)
        os.truncate(log, 0)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    for number in range(older, 1, -1):
        before = log.with_name(f"{log.name}.{number - 1}")
        if before.exists():
            before.replace(log.with_name(f"{log.name}.{number}"))
    draft.replace(log.with_name(f"{log.name}.1"))
    return True
