"""Every fault, by id; and the other names people type for them (id, duration in seconds it implies)."""

from __future__ import annotations

from pathlib import Path

from chaos.alterations import Alteration, LoadFailed, load
from chaos.circumstances import CIRCUMSTANCES
from chaos.decoys.registry import DECOYS
from chaos.faults.api.api_down import ApiDown
from chaos.faults.api.api_request_loop import ApiRequestLoop
from chaos.faults.api.api_slow_latency import ApiSlowLatency
from chaos.faults.api.auth_jwt_invalid import AuthJwtInvalid
from chaos.faults.api.circuit_breaker_open import CircuitBreakerOpen
from chaos.faults.api.error_5xx_spike import Error5xxSpike
from chaos.faults.api.log_errors import LogErrors
from chaos.faults.api.rate_limit_exceeded import RateLimitExceeded
from chaos.faults.api.traffic_surge import TrafficSurge
from chaos.faults.base import Fault
from chaos.faults.cache_queue.cache_down import CacheDown
from chaos.faults.cache_queue.cache_miss_storm import CacheMissStorm
from chaos.faults.cache_queue.cache_poisoning import CachePoisoning
from chaos.faults.cache_queue.exception_loop import ExceptionLoop
from chaos.faults.cache_queue.memory_fragmentation import MemoryFragmentation
from chaos.faults.cache_queue.queue_backlog import QueueBacklog
from chaos.faults.cache_queue.queue_worker_crash import QueueWorkerCrash
from chaos.faults.cache_queue.redis_eviction_storm import RedisEvictionStorm
from chaos.faults.cache_queue.session_corruption import SessionCorruption
from chaos.faults.config.config_corruption import ConfigCorruption
from chaos.faults.config.dep_version_conflict import DepVersionConflict
from chaos.faults.config.env_missing import EnvMissing
from chaos.faults.config.env_wrong import EnvWrong
from chaos.faults.config.package_breaking_change import PackageBreakingChange
from chaos.faults.container.cpu_spike import CpuSpike
from chaos.faults.container.crash_loop import CrashLoop
from chaos.faults.container.disk_full import DiskFull
from chaos.faults.container.inode_exhaustion import InodeExhaustion
from chaos.faults.container.memory_leak_oom import MemoryLeakOom
from chaos.faults.container.thread_starvation import ThreadStarvation
from chaos.faults.container.unexpected_restart import UnexpectedRestart
from chaos.faults.container.zombie_processes import ZombieProcesses
from chaos.faults.database.db_auth_failure import DbAuthFailure
from chaos.faults.database.db_corruption import DbCorruption
from chaos.faults.database.db_crash_loop import DbCrashLoop
from chaos.faults.database.db_deadlock import DbDeadlock
from chaos.faults.database.db_failed_migration import DbFailedMigration
from chaos.faults.database.db_lock_contention import DbLockContention
from chaos.faults.database.db_long_transaction import DbLongTransaction
from chaos.faults.database.db_pool_exhaustion import DbPoolExhaustion
from chaos.faults.external.analytics_stall import AnalyticsStall
from chaos.faults.external.bucket_unavailable import BucketUnavailable
from chaos.faults.external.cloud_creds_expired import CloudCredsExpired
from chaos.faults.external.fallback_unavailable import FallbackUnavailable
from chaos.faults.external.logging_down import LoggingDown
from chaos.faults.external.partial_outage import PartialOutage
from chaos.faults.external.secret_token_expired import SecretTokenExpired
from chaos.faults.external.third_party_outage import ThirdPartyOutage
from chaos.faults.external.time_drift import TimeDrift
from chaos.faults.external.webhook_failure import WebhookFailure
from chaos.faults.network.dns_failure import DnsFailure
from chaos.faults.network.lb_misrouting import LbMisrouting
from chaos.faults.network.net_congestion import NetCongestion
from chaos.faults.network.net_outage import NetOutage
from chaos.faults.network.packet_loss import PacketLoss
from chaos.faults.network.ssl_expired import SslExpired
from chaos.unknown.registry import UNKNOWN

FAULTS: dict[str, Fault] = {
    "db_auth_failure": DbAuthFailure(),
    "db_pool_exhaustion": DbPoolExhaustion(),
    "api_down": ApiDown(),
    "api_slow_latency": ApiSlowLatency(),
    "config_corruption": ConfigCorruption(),
    "cpu_spike": CpuSpike(),
    "memory_leak_oom": MemoryLeakOom(),
    "cache_poisoning": CachePoisoning(),
    "queue_worker_crash": QueueWorkerCrash(),
    "net_outage": NetOutage(),
    "lb_misrouting": LbMisrouting(),
    "third_party_outage": ThirdPartyOutage(),
    "partial_outage": PartialOutage(),
    "rate_limit_exceeded": RateLimitExceeded(),
    "db_deadlock": DbDeadlock(),
    "db_crash_loop": DbCrashLoop(),
    "db_corruption": DbCorruption(),
    "db_long_transaction": DbLongTransaction(),
    "db_lock_contention": DbLockContention(),
    "api_request_loop": ApiRequestLoop(),
    "circuit_breaker_open": CircuitBreakerOpen(),
    "env_missing": EnvMissing(),
    "env_wrong": EnvWrong(),
    "auth_jwt_invalid": AuthJwtInvalid(),
    "exception_loop": ExceptionLoop(),
    "fallback_unavailable": FallbackUnavailable(),
    "crash_loop": CrashLoop(),
    "unexpected_restart": UnexpectedRestart(),
    "thread_starvation": ThreadStarvation(),
    "zombie_processes": ZombieProcesses(),
    "cache_miss_storm": CacheMissStorm(),
    "cache_down": CacheDown(),
    "redis_eviction_storm": RedisEvictionStorm(),
    "queue_backlog": QueueBacklog(),
    "error_5xx_spike": Error5xxSpike(),
    "dep_version_conflict": DepVersionConflict(),
    "package_breaking_change": PackageBreakingChange(),
    "net_congestion": NetCongestion(),
    "packet_loss": PacketLoss(),
    "db_failed_migration": DbFailedMigration(),
    "disk_full": DiskFull(),
    "inode_exhaustion": InodeExhaustion(),
    "logging_down": LoggingDown(),
    "analytics_stall": AnalyticsStall(),
    "memory_fragmentation": MemoryFragmentation(),
    "session_corruption": SessionCorruption(),
    "secret_token_expired": SecretTokenExpired(),
    "cloud_creds_expired": CloudCredsExpired(),
    "bucket_unavailable": BucketUnavailable(),
    "traffic_surge": TrafficSurge(),
    "log_errors": LogErrors(),
    "ssl_expired": SslExpired(),
    "time_drift": TimeDrift(),
    "dns_failure": DnsFailure(),
    "webhook_failure": WebhookFailure(),
}

ALIASES: dict[str, tuple[str, float | None]] = {
    "db_connection": ("db_auth_failure", None),
    "db": ("db_auth_failure", None),
    "db_pool": ("db_pool_exhaustion", None),
    "high_cpu": ("cpu_spike", None),
    "cpu": ("cpu_spike", None),
    "latency": ("api_slow_latency", None),
    "service_down": ("api_down", 10.0),
}

LOADED: dict[str, Alteration] = {}  # by whoever runs this process, from files that are not the product's


def find(name: str, file: str = "") -> Fault:
    """The fault, harmless change or circumstance of that id. `file`: where it was loaded from, for a process that has
    not. KeyError when there is none, LoadFailed when its file cannot be used."""
    if file:
        return load(Path(file))[name]
    for known in (FAULTS, LOADED, UNKNOWN, DECOYS, CIRCUMSTANCES):
        if name in known:
            return known[name]
    raise KeyError(name)


def known(name: str) -> bool:
    """Whether this process knows a fault of that id."""
    return name in FAULTS or name in LOADED or name in UNKNOWN


def title_of(name: str) -> str:
    """In plain words; the id where this process does not know it."""
    try:
        return find(name).title
    except KeyError:
        return name


def add(folder: Path) -> list[str]:
    """Load the alterations of a folder (or file) for this process; their ids. LoadFailed when one cannot be used, or
    has the id of something that is there."""
    found = load(folder)
    if taken := found.keys() & {*FAULTS, *UNKNOWN, *DECOYS, *ALIASES}:
        raise LoadFailed(f"{folder}: {', '.join(sorted(taken))} is what something else is called")
    LOADED.update(found)
    return list(found)
