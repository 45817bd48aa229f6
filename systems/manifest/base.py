"""What all parts of a manifest are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Model(BaseModel):
    """Base of all parts: a typo in a key is an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_one_or_many)]
Address = Annotated[str, Field(pattern=r"^[^:\s/]+:\d{1,5}$")]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Secret = Annotated[str, Field(repr=False)]
Headers = Annotated[dict[str, str], Field(repr=False)]
