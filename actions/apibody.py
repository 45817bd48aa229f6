"""What every body that REST takes has in common."""

from __future__ import annotations

from ninja import Schema
from pydantic import ConfigDict


class Body(Schema):
    """A field that it does not have is refused: one misspelt would be left out in silence, and something else done."""

    model_config = ConfigDict(extra="forbid")
