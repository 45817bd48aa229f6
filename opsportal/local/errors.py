"""Failures a person can mend: printed as one line, without a traceback."""

import errno


class LocalError(Exception):
    """The message says what is wrong and what to do about it."""


def explain_os_error(error: OSError, where: str) -> LocalError:
    """One plain line for an operating system error met at `where`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalError(f"the disk that holds {where} is full: free some space and run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LocalError(
            f"cannot write to {where} ({error.strerror}): choose another folder with --data DIR"
        )
    return LocalError(f"{where}: {error.strerror or error}")
