"""The redactor as actions use it; the code lives with the systems, whose secrets it knows."""

from systems.redact import MASK, Redactor, for_system, secrets_of

__all__ = ["MASK", "Redactor", "for_system", "secrets_of"]
