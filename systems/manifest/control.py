"""The administration interface of a part: the paths under which the portal's own actions find what they need."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from systems.manifest.base import Model, Url
from systems.manifest.declared import BLANK

Path = Annotated[str, Field(pattern=r"^/[^\s]*$")]
# of those that name something: the blanks that have to be in them
BLANKS = {
    "pause_job": {"job"},
    "resume_job": {"job"},
    "failover_link": {"link"},
    "reset_link": {"link"},
    "use_pool": {"pool", "other"},
}


class ControlCalls(Model):
    """Paths below the `url`, with blanks like `{job}` that are filled in. What is listed is asked by GET and answers
    JSON, everything else is a POST. What is left out cannot be done here."""

    jobs: Path | None = None
    """Lists jobs: `[{"name": "nightly", "state": "idle", "paused": false}]`."""
    pause_job: Path | None = None
    """Lets a job run no more: `/tasks/{job}/pause`."""
    resume_job: Path | None = None
    """Puts a job back on its schedule."""
    links: Path | None = None
    """Lists the links of the manifest that go through this part: `[{"name": "to-db", "path": "A", "ok": true}]`."""
    failover_link: Path | None = None
    """Sends a link over its other path: `/ways/{link}/other`."""
    reset_link: Path | None = None
    """Sets a link up anew."""
    pools: Path | None = None
    """Tells where traffic of each pool goes: `{"web": {"sent_to": "web", "members": [{"name": "w", "up": true}]}}`."""
    use_pool: Path | None = None
    """Sends the traffic of a pool to another one: `/routes/{pool}/to/{other}`."""
    reset_breaker: Path | None = None
    """Closes the circuit breakers of this part."""

    @model_validator(mode="after")
    def _filled(self) -> ControlCalls:
        for name in type(self).model_fields:
            found, wanted = set(BLANK.findall(getattr(self, name) or "")), BLANKS.get(name, set())
            if found - wanted or (found != wanted and name in self.model_fields_set):
                names = " and ".join(f"{{{blank}}}" for blank in sorted(wanted)) or "no blank"
                raise ValueError(f"{name} has {names}")
        return self


class ControlSpec(Model):
    """An administration interface, for what the portal's own actions do to jobs, links, pools and breakers."""

    url: Url
    """Where it listens."""
    calls: ControlCalls = Field(default_factory=ControlCalls)
    """What can be asked and done there, and under which paths."""
