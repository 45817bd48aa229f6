"""The one redactor: takes secret values out of any text or JSON before it is stored, shown, logged or sent.

It knows the values themselves (secrets file, env files, DSN passwords), in plain, base64, URL-encoded and hex form and
split by white space, and the shapes secrets usually have (`://user:password@`, `token=...`, `Bearer ...`, SCRAM).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from systems.envfile import EnvFileError, read_env_file
from systems.secretwords import PART_IN_TEXT, WORD_IN_TEXT, holds_one
from systems.visible import visible

if TYPE_CHECKING:
    from systems.services import LoadedSystem

MASK = "•••"
MIN_LENGTH = 6  # shorter values would tear ordinary words apart
_SPLIT = r"(?:[\s\"'+,]|\\[nrt])*"  # what a wrapped or concatenated literal has between its pieces
_SHAPES = [
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*):([^\s/@]+)@"), rf"\1:{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    # as a manifest has them
    (re.compile(r"(?i)\b(bearer[\"']?\s*:\s*[\"']?)[a-z0-9._~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(basic[\"']?\s*:\s*[\"']?[^\s:\"'$]+):[^\s\"'$]{4,}"), rf"\1:{MASK}"),
    (re.compile(r"SCRAM-SHA-256\$\S+"), MASK),
    (
        re.compile(
            rf"(?i)((?:{PART_IN_TEXT})[\w-]*[\"']?"
            r"\s*[=:]\s*[\"']?)([^\s\"',;&•]{6,})"
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"(?i)((?<![^\W_])(?:{WORD_IN_TEXT})[\"']?\s*[=:]\s*[\"']?)"
            r"(?![/~])(?:\d{3,}(?![^\s\"',;&])|[^\s\"',;&•]{4,})"
        ),
        rf"\1{MASK}",
    ),
    # what the issuer made recognisable: GitHub, GitLab, Slack, AWS, Google, Stripe, npm, JWT, and incoming webhooks
    (
        re.compile(
            r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AKIA|ASIA|AIza|[sr]k_(?:live|test)_|npm_|sk-)"
            r"[A-Za-z0-9_-]{12,}|\beyJ[\w-]{6,}\.eyJ[\w-]*\.[\w-]*"
        ),
        MASK,
    ),
    (re.compile(r"(https://hooks\.[a-z0-9.-]+/)[^\s\"']{6,}"), rf"\1{MASK}"),
    (re.compile(r"(?<!\S)((?:-u|--user)[ =]?[\"']?[^\s:\"']+):[^\s\"']+"), rf"\1:{MASK}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), MASK),
]


def _encodings(secret: str) -> set[str]:
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper()}
    for shift in range(3):  # base64 of a longer text has the secret at one of three alignments
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + raw).decode()
            # drop what the neighbours' bits take part in
            start = (0, 2, 3)[shift]
            end = len(text.rstrip("=")) - (1 if (len(raw) + shift) % 3 else 0)
            found.add(text[start:end])
    return {f for f in found if len(f) >= MIN_LENGTH}


class Redactor:
    """Replaces every known secret and secret-looking value by a mask."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {s for s in secrets if len(s) >= MIN_LENGTH}
        forms = sorted({f for s in known for f in _encodings(s)}, key=len, reverse=True)
        patterns = [_SPLIT.join(map(re.escape, f)) if len(f) >= 10 else re.escape(f) for f in forms]
        self._known = re.compile("|".join(patterns)) if patterns else None

    def text(self, text: str) -> str:
        """Also without signs that are not seen, which would make it read otherwise than it is."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _SHAPES:
            text = pattern.sub(replacement, text)
        return visible(text)

    def json(self, item: Any) -> Any:
        """The same data with every string (keys too) redacted."""
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, dict):
            return {
                self.text(str(k)): MASK if isinstance(v, str) and holds_one(str(k), v) else self.json(v)
                for k, v in item.items()
            }
        if isinstance(item, list | tuple):
            return [self.json(v) for v in item]
        return item


def _password(value: str) -> list[str]:
    try:
        found = urlsplit(value).password
    except ValueError:
        return []
    return [found, unquote(found)] if found else []


def secrets_of(system: LoadedSystem) -> set[str]:
    """Every secret value the manifest's files and DSNs hold now. Unreadable files hold none."""
    found: set[str] = set()
    files = [system.manifest.secrets] if system.manifest.secrets else []
    everything = set(files)
    found.update(_of_headers(system))
    for service in system.services.values():
        if service.env:
            files += [service.env.file] + ([service.env.golden] if service.env.golden else [])
        for dsn in (
            *((service.postgres.dsn, service.postgres.admin_dsn) if service.postgres else ()),
            service.redis.url if service.redis else None,
        ):
            found.update(_password(dsn or ""))
    for file in dict.fromkeys(files):
        try:
            values = read_env_file(system.path(file))
        except (OSError, EnvFileError):
            continue
        for key, value in values.items():
            passwords = _password(value)
            found.update(passwords)
            if not passwords and (holds_one(key, value) or (file in everything and "://" not in value)):
                found.add(value)
    return {s for s in found if len(s) >= MIN_LENGTH}


def _of_headers(system: LoadedSystem) -> Iterable[str]:
    """What is sent with requests that a manifest declares: a scheme's name before it is no secret."""
    if system.manifest.prometheus:
        yield from system.manifest.prometheus.secrets()
    for service in system.services.values():
        for asked in (service.http, service.ready, service.metrics):
            yield from asked.secrets() if asked else ()
        calls = [*service.readings, *(call for spec in service.actions for _, call in spec.calls())]
        for given in (call.http.headers for call in calls if call.http):
            yield from (v.rpartition(" ")[2] for name, v in given.items() if _is_login(name, v))
    for journey in system.manifest.journeys:
        for step in journey.steps:
            yield from step.secrets()


def _is_login(header: str, value: str) -> bool:
    """Whether a header of a declared call is to prove who calls; most say what is spoken."""
    name = header.lower()
    return any(part in name for part in ("auth", "cookie", "key", "sign")) or holds_one(name, value)


def for_system(system: LoadedSystem, extra: Iterable[str] = ()) -> Redactor:
    return Redactor(secrets_of(system) | set(extra))
