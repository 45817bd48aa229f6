"""The shape of a manifest. Unknown keys are errors everywhere; strings that may hold secrets are left out of reprs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, model_validator

from systems.manifest.acting import ActionSpec
from systems.manifest.base import Address, Headers, Model, Names, Secret, Url
from systems.manifest.watched import ReadingSpec, WordSpec


class RuntimeSpec(BaseModel):
    """Which driver controls the units; every other key is an option of that driver."""

    model_config = ConfigDict(extra="allow")
    driver: str = "process"

    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class HttpSpec(Model):
    url: Url
    timeout_s: PositiveFloat = 1.0
    slow_ms: PositiveFloat = 1000.0
    expect: int = 200


class ReadySpec(Model):
    url: Url
    timeout_s: PositiveFloat = 1.5


class PostgresSpec(Model):
    dsn: Secret
    admin_dsn: Annotated[str | None, Field(repr=False)] = None
    database: str = ""
    # not `schema`: pydantic models already have a method of that name
    db_schema: str = Field("public", alias="schema")


class QueueSpec(Model):
    name: str
    processing: str | None = None
    group: str | None = None  # a stream's consumer group
    heartbeat: str | None = None  # key that holds the consumer's last heartbeat (epoch seconds)
    done: str | None = None  # key that counts finished messages
    worker: str | None = None  # service that consumes the queue; worker.* readings go to it


class RedisSpec(Model):
    url: Secret
    queues: list[QueueSpec] = []


ReadingName = Annotated[str, Field(pattern=r"^(app|proc|queue|redis|pg)\.[a-z0-9_]+(\.[A-Za-z0-9_]+)*$")]


def _address_or_whole(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class MetricsSpec(Model):
    """Where a service's numbers are told; an address alone is its `url`. It answers Prometheus text, OpenMetrics or
    JSON; of JSON everything is taken, or, by reading, what stands at a dotted path (`paths`). Or the system's
    Prometheus has them: of the series with these labels (`promql`) those whose names are known, and what `queries`
    ask for, by reading."""

    url: Url | None = None
    headers: Headers = {}
    timeout_s: PositiveFloat = 1.2
    paths: dict[ReadingName, str] = {}
    promql: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_]\w*$")], str] = {}
    queries: dict[ReadingName, str] = Field({}, max_length=20)

    @model_validator(mode="after")
    def _one_source(self) -> MetricsSpec:
        if (self.url is None) == (not self.promql and not self.queries):
            raise ValueError("has either a url, or promql and queries")
        if self.url is None and (self.paths or self.headers):
            raise ValueError("paths and headers belong to a url")
        return self


class PrometheusSpec(Model):
    """A Prometheus server, or what has its HTTP API, that scrapes the services."""

    url: Url
    headers: Headers = {}
    timeout_s: PositiveFloat = 3.0


class LogSpec(Model):
    file: str


class ConfigSpec(Model):
    file: str
    golden: str
    reload: Literal["HUP", "restart", "none"] = "restart"


class EnvSpec(Model):
    file: str
    golden: str | None = None
    required: list[str] = Field([], alias="schema")


class ReleaseSpec(Model):
    """`link`: the symbolic link to the release that runs; without it the runtime knows (an image's tag)."""

    link: str | None = None
    previous: str | None = None


class VolumeSpec(Model):
    path: str


class ControlSpec(Model):
    url: Url


class CredentialSpec(Model):
    role: str
    key: str
    consumers: Names


class FallbackSpec(Model):
    consumers: Names = Field(alias="consumer")
    key: str
    primary: str
    fallback: str
    service: str


class BackupSpec(Model):
    """`proxy` can send the traffic of its `pool` to its pool `use` instead."""

    proxy: str
    pool: str
    use: str


class SnapshotSpec(Model):
    dir: str
    db_schema: str = Field("public", alias="schema")


class MigrationsSpec(Model):
    argv: list[str]
    service: str


class StateTable(Model):
    """A small table of settings: the values of `columns` in each row, which is named by the column `key`."""

    table: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")
    key: str
    columns: Names
    kind: Literal["data", "flag", "setting"] = "data"


class StateHttp(Model):
    """A page of an administration interface that answers JSON: what of it is settled. `only`: patterns of dotted
    paths, where `*` stands for anything: `pools.*.sent_to`. `sets`: by such a pattern, what is POSTed to for a value to
    be another: `{value}`, and `{1}`, `{2}` for what its `*` stood for, are filled in."""

    url: Url
    only: list[str] = Field(min_length=1)
    sets: dict[str, Url] = {}
    kind: Literal["route", "setting", "flag", "limit"] = "route"


class StateSpec(Model):
    """Where else settled values of a service stand, beside what its other sections name. `files`: of a folder whose
    name ends in `/` only how it lies there. `owner`: who manages its files, such as `gitops`. `names`: what they
    resolve to; `tls`: host:port that shows a certificate. `keep`: the values themselves may be kept in the portal's own
    folder, so that those that are secret or long can be put back."""

    files: Names = []
    tables: list[StateTable] = []
    http: list[StateHttp] = []
    names: Names = []
    tls: list[Address] = []
    owner: str = Field("", max_length=80)
    keep: bool = False


class Service(Model):
    """One service. `unit` is the runtime's name for it; None = not ours to control."""

    name: str = ""
    kind: str = Field(min_length=1)
    title: str = ""
    group: str | None = None
    unit: str | None = None
    depends_on: list[str] = []
    # files, queues and tables by any name: who reads one needs whoever writes it (a queue's worker reads the queue)
    reads: Names = []
    writes: Names = []
    http: HttpSpec | None = None
    ready: ReadySpec | None = None
    tcp: Address | None = None
    postgres: PostgresSpec | None = None
    redis: RedisSpec | None = None
    metrics: Annotated[MetricsSpec | None, BeforeValidator(_address_or_whole)] = None
    logs: list[LogSpec] = []
    config: ConfigSpec | None = None
    env: EnvSpec | None = None
    release: ReleaseSpec | None = None
    volumes: list[VolumeSpec] = []
    control: ControlSpec | None = None
    credentials: list[CredentialSpec] = []
    fallback: FallbackSpec | None = None
    backup: BackupSpec | None = None
    snapshot: SnapshotSpec | None = None
    migrations: MigrationsSpec | None = None
    state: StateSpec | None = None
    readings: list[ReadingSpec] = Field(default=[], max_length=30)
    words: list[WordSpec] = Field(default=[], max_length=30)
    actions: list[ActionSpec] = []


class Link(Model):
    """A network edge: `address` goes through it, `direct` does not."""

    name: str
    service: str
    source: str
    target: str
    address: Address
    direct: Address | None = None


class Step(Model):
    """One request of a journey: exactly one of get, post. `save` maps a variable to a dotted path in the JSON answer;
    `{variable}` in later urls, headers and JSON is replaced by it."""

    get: Url | None = None
    post: Url | None = None
    body: Any = Field(None, alias="json")
    headers: dict[str, str] = {}
    expect: int | list[int] = 200
    contains: str | None = None
    save: dict[str, str] = {}


class Journey(Model):
    name: str
    steps: list[Step] = Field(min_length=1)
    service: str | None = None  # the front door it enters by; found by address when absent
    keeps: Literal["session"] | None = None  # its visitor comes back with the cookies of the visit before
    interval_s: PositiveFloat = 1.5
    timeout_s: PositiveFloat = 2.5
    slow_ms: PositiveFloat = 1500.0


class Consistency(Model):
    """`field` of the JSON at `url` must equal the second column of `sql`, for the {key} in its first column."""

    name: str
    service: str
    url: str = Field(pattern=r"^https?://\S+\{key\}\S*$")
    field: str
    sql_service: str
    sql: str
    cache: str | None = None
    interval_s: PositiveFloat = 3.0


class Manifest(Model):
    system: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")
    title: str = ""
    runtime: RuntimeSpec = RuntimeSpec()
    secrets: str | None = None
    front_door: Url | None = None
    prometheus: PrometheusSpec | None = None
    host: Literal["watch", "off"] = "watch"  # the machine, where the units are of the watcher's own
    services: dict[str, Service] = Field(min_length=1)
    links: list[Link] = []
    journeys: list[Journey] = []
    consistency: list[Consistency] = []
