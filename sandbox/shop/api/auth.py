"""Passwords and signed tokens."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt

from ..kit import clock

ROUNDS = 5_000
LEEWAY_S = 2


def hash_password(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), ROUNDS).hex()


def password_matches(password: str, salt: str, stored: str) -> bool:
    return hmac.compare_digest(hash_password(password, salt), stored)


def issue(secret: str, user: str, replica: str, ttl_s: int) -> str:
    now = int(clock.now())
    return jwt.encode(
        {"sub": user, "iat": now, "exp": now + ttl_s, "iss": replica}, secret, algorithm="HS256"
    )


def read(secret: str, header: str) -> dict[str, Any]:
    """Claims of an `Authorization: Bearer` header. Raises jwt.PyJWTError."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise jwt.InvalidTokenError("no bearer token")
    # whether it is of this time is told below, by the clock of this machine
    own: Any = {"verify_iat": False, "verify_exp": False, "require": ["iat", "exp"]}
    claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"], options=own)
    now = clock.now()
    if float(claims["iat"]) > now + LEEWAY_S:
        raise jwt.ImmatureSignatureError(f"The token of {claims.get('iss')} is not yet valid (iat)")
    if float(claims["exp"]) <= now - LEEWAY_S:
        raise jwt.ExpiredSignatureError(f"The token of {claims.get('iss')} is over: Signature has expired")
    return claims
