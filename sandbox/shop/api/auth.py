"""Passwords and signed tokens."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import jwt

ROUNDS = 5_000


def hash_password(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), ROUNDS).hex()


def password_matches(password: str, salt: str, stored: str) -> bool:
    return hmac.compare_digest(hash_password(password, salt), stored)


def issue(secret: str, user: str, replica: str, ttl_s: int) -> str:
    now = int(time.time())
    return jwt.encode(
        {"sub": user, "iat": now, "exp": now + ttl_s, "iss": replica}, secret, algorithm="HS256"
    )


def read(secret: str, header: str) -> dict[str, Any]:
    """Claims of an `Authorization: Bearer` header. Raises jwt.PyJWTError."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise jwt.InvalidTokenError("no bearer token")
    return jwt.decode(token, secret, algorithms=["HS256"], leeway=2)
