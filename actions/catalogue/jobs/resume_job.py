"""Put a paused job back on its schedule."""

from __future__ import annotations

from actions.catalogue.jobs._jobs import JobAction
from actions.models import Risk


class ResumeJob(JobAction):
    slug = "resume-job"
    title = "Resume a job"
    risk = Risk.LOW
    verb, inverse, paused_after = "resume", "Pause", False
