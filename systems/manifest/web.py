"""The parts of a manifest that are asked over HTTP."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, model_validator

from systems.manifest.base import Expect, Headers, Model, Url
from systems.manifest.named import NamedMetric

_HARMLESS = re.compile(
    r"(?i)accept.*|host|user-agent|content-type|cache-control|origin|referer|range|x-forwarded-.*"
)


def hidden(headers: dict[str, str]) -> list[str]:
    """Values of headers that must not be shown, as they stand behind the name of a scheme."""
    return [value.rpartition(" ")[2] for name, value in headers.items() if not _HARMLESS.fullmatch(name)]


class Trusting(Model):
    """How far an https address is believed."""

    ca: str | None = None
    """Path of a PEM file (relative to the manifest) with certificate authorities of your own. They are believed beside
    those the machine knows. Without it the manifest's `ca` applies."""
    insecure: bool = False
    """true: of an https address the certificate is not checked at all. Say so only where that is meant."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Trusting:
        if self.ca is not None and self.insecure:
            raise ValueError("has either ca, or insecure: true")
        return self


class Asked(Trusting):
    """An address that is asked, with what is sent along."""

    headers: Headers = {}
    """Sent with each request. Never shown; take what is secret from the secrets file: `${TOKEN}`."""
    bearer: Annotated[str | None, Field(repr=False)] = None
    """A token, sent as `Authorization: Bearer ...`: `${TOKEN}`."""
    basic: Annotated[str | None, Field(repr=False)] = None
    """`name:password`, sent as `Authorization: Basic ...`: `"probe:${PASSWORD}"`."""

    @model_validator(mode="after")
    def _one_authorization(self) -> Asked:
        named = any(name.lower() == "authorization" for name in self.headers)
        if sum((named, self.bearer is not None, self.basic is not None)) > 1:
            raise ValueError("says who asks only once: by bearer, by basic or by an Authorization header")
        if self.basic is not None and ":" not in self.basic:
            raise ValueError("basic is name:password")
        if any(c in (self.bearer or "") + (self.basic or "") for c in "\r\n\0"):
            raise ValueError("bearer and basic are one line")
        return self

    def sent(self) -> dict[str, str]:
        """The headers, who asks among them."""
        if self.bearer is not None:
            return {**self.headers, "Authorization": f"Bearer {self.bearer}"}
        if self.basic is not None:
            return {
                **self.headers,
                "Authorization": f"Basic {base64.b64encode(self.basic.encode()).decode()}",
            }
        return dict(self.headers)

    def secrets(self) -> list[str]:
        """What of it must never be shown."""
        return [*hidden(self.sent()), *([self.basic.partition(":")[2]] if self.basic else [])]


class HttpSpec(Asked):
    """The address that says whether the service answers. It is asked each second."""

    url: Url
    """Asked by GET; redirects are not followed."""
    timeout_s: PositiveFloat = 1.0
    """Seconds after which there is no answer; 10 at most."""
    slow_ms: PositiveFloat = 1000.0
    """Milliseconds from which an answer is slow."""
    expect: Expect = ["200"]
    """The status that is a good answer, or several: `200`, `[200, 401]`, `2xx`."""


class ReadySpec(Asked):
    """The service's own, deeper readiness. Parts that its JSON names are read one by one."""

    url: Url
    """Asked by GET each second."""
    timeout_s: PositiveFloat = 1.5
    """Seconds after which there is no answer; 10 at most."""
    expect: Expect = ["2xx"]
    """The status that means ready, or several: `200`, `[200, 204]`, `2xx`."""


ReadingName = Annotated[str, Field(pattern=r"^(app|proc|queue|redis|pg)\.[a-z0-9_]+(\.[A-Za-z0-9_]+)*$")]


def address_or_whole(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class MetricsSpec(Asked):
    """Where a service's numbers are told; an address alone is its `url`. It answers Prometheus text, OpenMetrics or
    JSON; of JSON everything is taken, or, by reading, what stands at a dotted path (`paths`). Or the system's
    Prometheus has them: of the series with these labels (`promql`) those whose names are known, and what `queries`
    ask for, by reading. `names`: metrics of the service's own that are to be known as well."""

    url: Url | None = None
    """The address that tells them."""
    timeout_s: PositiveFloat = 1.2
    """Seconds after which there is no answer."""
    interval_s: float | None = Field(None, ge=1, le=15)
    """Seconds from one look to the next, 15 at most: what is read less often counts as not read. Left out, 1 for a
    `url`, and 5 for what Prometheus has."""
    paths: dict[ReadingName, str] = {}
    """Of JSON: a reading, and the dotted path where it stands: `{app.rps: http.requests.rate}`."""
    names: list[NamedMetric] = Field([], max_length=60)
    """Of Prometheus text, and of `promql`: metrics by names of its own, and the readings they become."""
    promql: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_]\w*$")], str] = {}
    """Labels that all of its series in the system's Prometheus have."""
    queries: dict[ReadingName, str] = Field({}, max_length=20)
    """A reading, and the PromQL that asks the system's Prometheus for it."""

    @model_validator(mode="after")
    def _one_source(self) -> MetricsSpec:
        if (self.url is None) == (not self.promql and not self.queries):
            raise ValueError("has either a url, or promql and queries")
        if self.names and (self.paths or (self.url is None and not self.promql)):
            raise ValueError("names are of Prometheus text or of promql, and paths of JSON")
        if self.url is None and (self.paths or self.sent() or self.ca or self.insecure):
            raise ValueError("paths, headers and what else is sent belong to a url")
        return self


class PrometheusSpec(Asked):
    """A Prometheus server, or what has its HTTP API, that scrapes the services."""

    url: Url
    """Its address, without `/api/v1`."""
    timeout_s: PositiveFloat = 3.0
    """Seconds after which there is no answer."""


class Step(Model):
    """One request of a journey: exactly one of get, post."""

    get: Url | None = None
    """The address, asked by GET."""
    post: Url | None = None
    """The address, asked by POST."""
    body: Any = Field(None, alias="json")
    """What is sent as JSON."""
    headers: Headers = {}
    """Sent with it; never shown."""
    expect: Expect = ["200"]
    """The status that lets the journey go on, or several: `200`, `[200, 303]`, `2xx`."""
    contains: str | None = None
    """Text that the answer must have in it."""
    save: dict[str, str] = {}
    """A variable, and the dotted path in the JSON answer where its value stands. `{variable}` in later addresses,
    headers and JSON is replaced by it."""

    def secrets(self) -> list[str]:
        """What of it must never be shown; what is filled in from an answer is not known here."""
        return [value for value in hidden(self.headers) if "{" not in value]


class Journey(Trusting):
    """What a visitor does, step by step: the measure of whether the system works."""

    name: str
    """Named after "customers cannot ...": `buy something`."""
    steps: list[Step] = Field(min_length=1)
    """One request after the other."""
    service: str | None = None
    """The front door it enters by; found by the first step's address when it is left out."""
    keeps: Literal["session"] | None = None
    """`session`: its visitor comes back with the cookies of the visit before."""
    interval_s: PositiveFloat = 1.5
    """Seconds from one visit to the next."""
    timeout_s: PositiveFloat = 2.5
    """Seconds for all of it."""
    slow_ms: PositiveFloat = 1500.0
    """Milliseconds from which it is slow."""


class Consistency(Model):
    """`field` of the JSON at `url` must equal the second column of `sql`, for the {key} in its first column."""

    name: str
    """What it is called in symptoms."""
    service: str
    """The service that shows the value."""
    url: str = Field(pattern=r"^https?://\S+\{key\}\S*$")
    """Where the value is shown; `{key}` is filled in."""
    field: str
    """Dotted path of the value in the answer."""
    sql_service: str
    """The service whose database has the right value."""
    sql: str
    """A select of keys and values."""
    cache: str | None = None
    """How the key is called where it is cached: `page:{key}`."""
    interval_s: PositiveFloat = 3.0
    """Seconds from one comparison to the next."""
