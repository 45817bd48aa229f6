"""What its services need of the supervisor."""

from collections.abc import Callable
from typing import Any, Protocol

from .journal import Journal
from .memory import Cgroups
from .spawn import Zygotes


class Host(Protocol):
    """The supervisor, as a service sees it."""

    identity: str
    journal: Journal
    cgroups: Cgroups
    zygotes: Zygotes

    def adopt(self, pid: int, on_exit: Callable[[int], None]) -> None: ...
    def emit(self, event: str, service: str, **extra: Any) -> None: ...
    def session(self, pid: int, alive: bool) -> None: ...
    def kill_orphans(self, service: str) -> list[int]: ...
