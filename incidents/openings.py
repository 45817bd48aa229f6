"""An incident whose trouble came back: each time that it was open before, as measured."""

from __future__ import annotations

from datetime import datetime

from incidents.typed import Record


class Opening(Record):
    """From the first symptom to the resolution. `back_as`: the number under which it was noticed when it came back."""

    started_at: datetime
    opened_at: datetime
    resolved_at: datetime | None
    back_as: int | None = None

    @property
    def seconds(self) -> float:
        """From the first symptom to the resolution; 0 while it is not over."""
        return (self.resolved_at - self.started_at).total_seconds() if self.resolved_at else 0.0
