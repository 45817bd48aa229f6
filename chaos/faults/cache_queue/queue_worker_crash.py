"""The queue's worker crashes at every start until the supervisor gives up; orders pile up behind it."""

from __future__ import annotations

import signal

from chaos.faults import _crash
from chaos.faults.base import Expected, Undo
from chaos.site import Site

UNITS = ("worker",)
PROCESSING = "q:orders:processing"


class QueueWorkerCrash(_crash.CrashFault):
    id = "queue_worker_crash"
    title = "Queue worker crash"
    category = "cache-queue"
    targets = UNITS
    description = "The worker crashes and stays down; what it had taken stays half done."
    blast_radius = "orders are taken but not fulfilled; the shop itself works"
    reverts = "starts the worker"
    expected = Expected(UNITS, ("process_dead",))
    number = signal.SIGSEGV
    may_touch = ("redis",)

    def still_broken(self, site: Site, undo: Undo) -> str:
        if wrong := super().still_broken(site, undo):
            return wrong
        with site.redis() as redis:
            waiting, taken = int(redis.llen("q:orders")), int(redis.llen(PROCESSING))
        return f"{waiting} orders wait, {taken} are half done" if waiting > 10 or taken > 8 else ""
