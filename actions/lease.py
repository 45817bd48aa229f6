"""An executor's sign of life: `lease_until` is pushed on while the process lives, whatever the action waits for."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from types import TracebackType
from uuid import UUID

from django.db import Error, connection
from django.db.models.functions import Now

from actions.lifecycle import UNCOMPLETED
from actions.models import ActionRequest

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
RENEW_S = 4.0


class Lease:
    """`with Lease(pk): ...` renews until the block ends. A lost database is retried until the lease runs out."""

    def __init__(self, request_id: UUID) -> None:
        self._id = request_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{request_id}", daemon=True)

    def _renew(self) -> None:
        while not self._over.wait(RENEW_S):
            try:
                ActionRequest.objects.filter(pk=self._id, status__in=UNCOMPLETED).update(
                    lease_until=Now() + LEASE
                )
            except Error as error:
                log.warning("lease of %s not renewed: %s", self._id, error)
            finally:
                connection.close()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
