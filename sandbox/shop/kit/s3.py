"""What the shop needs of a cloud: objects in buckets (S3) and sessions (STS), asked by signed requests (SigV4)."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

REGION = "eu-home-1"
UNSIGNED = "UNSIGNED-PAYLOAD"
ALGORITHM = "AWS4-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded"


class CloudError(Exception):
    """It did not do what it was asked. `code`: the cloud's own, "" when it did not answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Credentials:
    """A long-lived key has no token. `ends`: epoch seconds of a session's end, 0: never."""

    key_id: str
    secret: str
    token: str = ""
    ends: float = 0.0


def stamp(now: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def signature(
    secret: str, method: str, path: str, query: Mapping[str, str], signed: Mapping[str, str], scope: str
) -> str:
    """Of a request, in hex. `signed`: the headers that count, names in lower case, x-amz-date among them; `scope`:
    date/region/service/aws4_request."""
    asked = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
    headers = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    names = ";".join(sorted(signed))
    canonical = "\n".join([method, quote(path, safe="/-_.~"), asked, headers, names, UNSIGNED])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([ALGORITHM, signed["x-amz-date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def headers_of(
    given: Credentials, method: str, host: str, path: str, query: Mapping[str, str], service: str
) -> dict[str, str]:
    """What a request carries to be believed."""
    at = stamp(time.time())
    signed = {"host": host, "x-amz-content-sha256": UNSIGNED, "x-amz-date": at}
    if given.token:
        signed["x-amz-security-token"] = given.token
    scope = f"{at[:8]}/{REGION}/{service}/aws4_request"
    proof = signature(given.secret, method, path, query, signed, scope)
    names = ";".join(sorted(signed))
    authorization = f"{ALGORITHM} Credential={given.key_id}/{scope}, SignedHeaders={names}, Signature={proof}"
    return {**signed, "authorization": authorization}


class Cloud:
    """Blocking calls; a connection for each. Every method raises CloudError."""

    def __init__(self, url: str, given: Credentials, timeout_s: float = 2.0) -> None:
        self.host, self.given, self.timeout_s = urlsplit(url).netloc, given, timeout_s

    def get(self, bucket: str, key: str) -> bytes:
        return self._ask("GET", f"/{bucket}/{key}")

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._ask("PUT", f"/{bucket}/{key}", body=body)

    def create(self, bucket: str) -> None:
        self._ask("PUT", f"/{bucket}")

    def keys(self, bucket: str) -> list[str]:
        """Of all objects in a bucket."""
        return re.findall(r"<Key>([^<]*)</Key>", self._ask("GET", f"/{bucket}", {"list-type": "2"}).decode())

    def identity(self) -> str:
        """Who the cloud takes the bearer of these credentials for."""
        return self._sts({"Action": "GetCallerIdentity"})["Arn"]

    def session(self, role: str, seconds: int) -> Credentials:
        """A session of a role, for so long."""
        told = self._sts({"Action": "AssumeRole", "RoleArn": role, "DurationSeconds": str(seconds)})
        ends = time.mktime(time.strptime(told["Expiration"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        return Credentials(told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"], ends)

    def _sts(self, form: dict[str, str]) -> dict[str, str]:
        answer = self._ask("POST", "/", body=urlencode(form).encode(), service="sts").decode()
        return dict(re.findall(r"<(\w+)>([^<]*)</\1>", answer))

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        service: str = "s3",
    ) -> bytes:
        sent = headers_of(self.given, method, self.host, path, query or {}, service)
        target = f"{quote(path)}?{urlencode(query)}" if query else quote(path)
        connection = HTTPConnection(self.host, timeout=self.timeout_s)
        try:
            connection.request(method, target, body, {**sent, "content-type": FORM})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            raise CloudError("", f"cloud does not answer: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 300:
            told = dict(re.findall(r"<(Code|Message)>([^<]*)</", text.decode("utf-8", "replace")))
            code = told.get("Code", str(answer.status))
            raise CloudError(code, f"cloud answered {answer.status} {code}: {told.get('Message', '')}")
        return text


def credentials_of(data: Any) -> Credentials:
    """From what lies in a credentials file. CloudError when that is none."""
    try:
        ends = time.strptime(str(data["Expiration"]), "%Y-%m-%dT%H:%M:%SZ")
        key, secret, token = (str(data[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        return Credentials(key, secret, token, time.mktime(ends) - time.timezone)
    except (KeyError, TypeError, ValueError) as error:
        raise CloudError("", f"cloud credentials cannot be read: {error!r}") from error


def as_data(given: Credentials) -> dict[str, str]:
    """As they lie in a credentials file."""
    return {
        "AccessKeyId": given.key_id,
        "SecretAccessKey": given.secret,
        "SessionToken": given.token,
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(given.ends)),
    }
