"""What the API needs from its environment, and the release it belongs to."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 6
_VERSION_FILE = Path(__file__).parents[2] / "VERSION"
VERSION = _VERSION_FILE.read_text().strip() if _VERSION_FILE.exists() else "dev"


class Settings(BaseModel):
    """Environment variables of the same names."""

    model_config = ConfigDict(hide_input_in_errors=True)

    DATABASE_URL: str
    REDIS_URL: str
    JWT_SECRET: str
    UPSTREAM_API_KEY: str
    FALLBACK_API_KEY: str = ""
    ENV_FILE: str = ""
    CONFIG_FILE: str
    PORT: int
    REPLICA: str = "api"
