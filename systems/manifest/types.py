"""The shape of a manifest. Unknown keys are errors everywhere; strings that may hold secrets are left out of reprs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from systems.manifest.base import Address as Address
from systems.manifest.base import Headers as Headers
from systems.manifest.base import Model as Model
from systems.manifest.base import Names as Names
from systems.manifest.base import Secret as Secret
from systems.manifest.base import Url as Url
from systems.manifest.web import Consistency as Consistency
from systems.manifest.web import HttpSpec as HttpSpec
from systems.manifest.web import Journey as Journey
from systems.manifest.web import MetricsSpec as MetricsSpec
from systems.manifest.web import PrometheusSpec as PrometheusSpec
from systems.manifest.web import ReadySpec as ReadySpec
from systems.manifest.web import Step as Step
from systems.manifest.web import address_or_whole


class RuntimeSpec(BaseModel):
    """Which driver controls the units; every other key is an option of that driver."""

    model_config = ConfigDict(extra="allow")
    driver: str = "process"

    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


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
    metrics: Annotated[
        MetricsSpec | None, BeforeValidator(address_or_whole, json_schema_input_type=Url | MetricsSpec)
    ] = None
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


class Link(Model):
    """A network edge: `address` goes through it, `direct` does not."""

    name: str
    service: str
    source: str
    target: str
    address: Address
    direct: Address | None = None


class Manifest(Model):
    system: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")
    title: str = ""
    runtime: RuntimeSpec = RuntimeSpec()
    secrets: str | None = None
    """A file of KEY=VALUE lines (relative to the manifest); `${KEY}` anywhere is filled in from it, or from the
    environment."""
    ca: str | None = None
    """A PEM file (relative to the manifest) with certificate authorities of your own, for every https address in it.
    They are believed beside those the machine knows."""
    front_door: Url | None = None
    prometheus: PrometheusSpec | None = None
    services: dict[str, Service] = Field(min_length=1)
    links: list[Link] = []
    journeys: list[Journey] = []
    consistency: list[Consistency] = []
