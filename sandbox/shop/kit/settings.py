"""Settings from the environment, checked by pydantic: a missing key ends the process: `DATABASE_URL Field required`."""

from __future__ import annotations

import logging
import os
import sys
from typing import TypeVar

from pydantic import BaseModel, ValidationError

log = logging.getLogger("shop")
M = TypeVar("M", bound=BaseModel)


def read(model: type[M]) -> M:
    """Build `model` from the environment variables of the same names."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    try:
        return model.model_validate({name: os.environ[name] for name in names if os.environ.get(name)})
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            log.critical("settings error: %s %s", ".".join(map(str, item["loc"])), item["msg"], exc_info=True)
        sys.exit(1)
