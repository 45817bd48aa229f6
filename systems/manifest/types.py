"""The shape of a manifest. Unknown keys are errors everywhere; strings that may hold secrets are left out of reprs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from systems import profiles
from systems.manifest.acting import ActionSpec
from systems.manifest.base import Address as Address
from systems.manifest.base import Headers as Headers
from systems.manifest.base import Kind
from systems.manifest.base import Model as Model
from systems.manifest.base import Names as Names
from systems.manifest.base import Secret as Secret
from systems.manifest.base import Url as Url
from systems.manifest.control import ControlSpec as ControlSpec
from systems.manifest.settled import StateHttp as StateHttp
from systems.manifest.settled import StateSpec as StateSpec
from systems.manifest.settled import StateTable as StateTable
from systems.manifest.watched import ReadingSpec, WordSpec
from systems.manifest.web import Consistency as Consistency
from systems.manifest.web import HttpSpec as HttpSpec
from systems.manifest.web import Journey as Journey
from systems.manifest.web import MetricsSpec as MetricsSpec
from systems.manifest.web import PrometheusSpec as PrometheusSpec
from systems.manifest.web import ReadySpec as ReadySpec
from systems.manifest.web import Step as Step
from systems.manifest.web import address_or_whole


class RuntimeSpec(BaseModel):
    """Which driver controls the units; every other key is an option of that driver. `process`: `socket`, of the small
    supervisor. `docker`: `project`, and where needed `engine` and `prefix`. `none`: nothing; the system is only
    watched, and no service has a unit."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)
    driver: str = "process"
    """`process`, `docker` or `none`."""

    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class PostgresSpec(Model):
    """A PostgreSQL server, and the database that is looked into."""

    dsn: Secret
    """The login that looks: `postgresql://role:${PASSWORD}@host:5432/database`."""
    admin_dsn: Annotated[str | None, Field(repr=False)] = None
    """The login that repairs; without it that is `dsn`."""
    database: str = ""
    """What it is called where it is not in the dsn."""
    # not `schema`: pydantic models already have a method of that name
    db_schema: str = Field("public", alias="schema")
    """The schema with the tables that matter."""


class QueueSpec(Model):
    """A queue in a Redis: a list or a stream."""

    name: str
    """Its key."""
    processing: str | None = None
    """The key of the list with messages in work."""
    group: str | None = None
    """A stream's consumer group."""
    heartbeat: str | None = None
    """The key that holds the consumer's last heartbeat (epoch seconds)."""
    done: str | None = None
    """The key that counts finished messages."""
    worker: str | None = None
    """The service that consumes the queue."""
    dead: str | None = None
    """The key of the list of messages that were set aside because they failed each time; without it the queue's own
    with `:dead` behind it."""


class RedisSpec(Model):
    """A Redis or Valkey, and the queues in it."""

    url: Secret
    """`redis://:${PASSWORD}@host:6379/0`, or `rediss://`."""
    queues: list[QueueSpec] = []
    """Those whose length and age are read."""


class LogSpec(Model):
    """A log file that is followed."""

    file: str
    """One name, or a pattern (`log/*.log`): files that come later are followed, too."""


class ConfigSpec(Model):
    """The configuration file, and the copy of it that is right."""

    file: str
    """The file that the service reads."""
    golden: str
    """The copy that is right: it is compared with, and restored from."""
    reload: Literal["HUP", "restart", "none"] = "restart"
    """How the service is made to read it again; `none`: it does so by itself."""
    check: Annotated[list[str], Field(examples=[["nginx", "-t", "-q", "-c", "{file}"]])] = []
    """The product's own checker, run where the service runs, before a file is put there: `{file}` is a copy beside the
    real one, `{name}` that copy's name alone. It ends with 0 where the file is good, with 75 where it cannot tell."""


class EnvSpec(Model):
    """The environment file, and what has to stand in it."""

    file: str
    """The file, of KEY=VALUE lines."""
    golden: str | None = None
    """The copy that is right: it is compared with, and regenerated from."""
    required: list[str] = Field([], alias="schema")
    """Keys that must be there."""


class ReleaseSpec(Model):
    """`link`: the symbolic link to the release that runs; without it the runtime knows (an image's tag)."""

    link: str | None = None
    """Where the link lies."""
    previous: str | None = None
    """The last good release, which is gone back to."""


class VolumeSpec(Model):
    """A folder on a volume whose room is watched."""

    path: str
    """Where it is mounted."""


class CredentialSpec(Model):
    """A login of the database whose password can be rotated."""

    role: str
    """The role in the database."""
    key: str
    """The key of the consumers' environment files that holds the whole address."""
    consumers: Names
    """The services that log in by it."""


class FallbackSpec(Model):
    """Another service that can stand in for this one, by a key in the consumers' configuration."""

    consumers: Names = Field(alias="consumer")
    """The services whose configuration says which is used."""
    key: str
    """Dotted path of the key there."""
    primary: str
    """Its value when all is well."""
    fallback: str
    """Its value for the stand-in."""
    service: str
    """The service that stands in."""


class BackupSpec(Model):
    """`proxy` can send the traffic of its `pool` to its pool `use` instead."""

    proxy: str
    """The proxy's service."""
    pool: str
    """The pool that this service is in."""
    use: str
    """The pool that takes over."""


class SnapshotSpec(Model):
    """Where copies of the tables lie, for restoring."""

    dir: str
    """The folder with the copies."""
    db_schema: str = Field("public", alias="schema")
    """The schema that they are of."""


class MigrationsSpec(Model):
    """The program that brings the tables up to date."""

    argv: list[str]
    """Its words; what it is to do is added as the last one: `status`, `up` or `down`."""
    dry_run: str | None = None
    """An option that comes last: the program then does the same in a transaction, within seconds, rolls it back, and
    says `rows lost: N` on a line. It ends with 75 where that cannot be done. Whoever needs the locks it takes waits
    for as long, so it should give up soon."""
    service: str
    """The service whose unit runs it."""


class Service(Model):
    """One part of the system: what it is, and where it answers."""

    name: str = ""
    """Filled in: the key under `services`."""
    kind: Kind
    """What it is: see [Kinds](#kinds)."""
    profile: str | None = Field(default=None, json_schema_extra={"examples": list(profiles.names())})
    """The product that it is, where that is known: its readings, words, actions and files need not be written then
    ([profiles.md](profiles.md))."""
    address: Annotated[str | None, Field(repr=False)] = None
    """Where it answers, for its `profile`: host, host:port or a URL, with its login where it needs one."""
    given: dict[str, Any] = Field(default={}, alias="with", repr=False)
    """Settings of its `profile` that are otherwise here, such as `{conf: /opt/nginx/nginx.conf}`; null: none."""
    without: Names = []
    """Readings, words and actions of its `profile` that are not wanted."""
    title: str = ""
    """What people call it."""
    group: str | None = None
    """Replicas of one logical part share a group."""
    unit: str | None = None
    """The runtime's name for it; the service's own name when it is left out, null when it is not ours to control."""
    depends_on: list[str] = []
    """The services it needs."""
    reads: Names = []
    """Files, queues, tables by any name: who reads one needs whoever writes it (a queue's worker reads the queue)."""
    writes: Names = []
    """Files, queues and tables that it writes."""
    http: HttpSpec | None = None
    ready: ReadySpec | None = None
    tcp: Address | None = None
    """host:port that takes connections."""
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
    readings: list[ReadingSpec] = Field(default=[], max_length=30)
    words: list[WordSpec] = Field(default=[], max_length=30)
    actions: list[ActionSpec] = []


class Link(Model):
    """A network edge: `address` goes through it, `direct` does not."""

    name: str
    """What it is called in symptoms."""
    service: str
    """The service that carries it, such as a proxy."""
    source: str
    """The service that calls."""
    target: str
    """The service that is called."""
    address: Address
    """Where the calls go in."""
    direct: Address | None = None
    """The target itself."""


class Manifest(Model):
    """A system under care. Paths are relative to the manifest's folder."""

    system: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")
    """Its short name, in addresses and commands."""
    title: str = ""
    """What people call it."""
    runtime: RuntimeSpec = RuntimeSpec()
    secrets: str | None = None
    """A file of KEY=VALUE lines (relative to the manifest); `${KEY}` anywhere is filled in from it, or from the
    environment."""
    ca: str | None = None
    """A PEM file (relative to the manifest) with certificate authorities of your own, for every https address that
    is asked. They are believed beside those the machine knows. (Of a `control` interface only the latter are.)"""
    front_door: Url | None = None
    """Where its users come in."""
    prometheus: PrometheusSpec | None = None
    host: Literal["watch", "off"] = "watch"
    """The machine, where the units are of the watcher's own: `off` leaves it alone."""
    services: dict[str, Service] = Field(min_length=1)
    """Its parts, by name: letters, digits, dot, dash and underscore."""
    links: list[Link] = []
    journeys: list[Journey] = []
    consistency: list[Consistency] = []
