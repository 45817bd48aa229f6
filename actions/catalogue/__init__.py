"""Every fix the portal knows: one file each, listed here once."""

from __future__ import annotations

from actions.base import AnyAction
from actions.catalogue.clear_cache import ClearCache
from actions.catalogue.failover_link import FailoverLink
from actions.catalogue.kill_idle_connections import KillIdleConnections
from actions.catalogue.kill_process import KillProcess
from actions.catalogue.kill_session import KillSession
from actions.catalogue.pause_job import PauseJob
from actions.catalogue.regenerate_db_creds import RegenerateDbCreds
from actions.catalogue.regenerate_env import RegenerateEnv
from actions.catalogue.requeue_inflight import RequeueInflight
from actions.catalogue.reset_circuit_breaker import ResetCircuitBreaker
from actions.catalogue.reset_link import ResetLink
from actions.catalogue.restart_db import RestartDb
from actions.catalogue.restart_service import RestartService
from actions.catalogue.restore_config import RestoreConfig
from actions.catalogue.restore_db import RestoreDb
from actions.catalogue.resume_job import ResumeJob
from actions.catalogue.revert_change import RevertChange
from actions.catalogue.roll_back_release import RollBackRelease
from actions.catalogue.rolling_restart import RollingRestart
from actions.catalogue.rotate_logs import RotateLogs
from actions.catalogue.route_to_backup import RouteToBackup
from actions.catalogue.route_to_primary import RouteToPrimary
from actions.catalogue.run_migrations import RollBackMigration, RunMigrations
from actions.catalogue.switch_to_fallback import SwitchToFallback
from actions.catalogue.switch_to_primary import SwitchToPrimary
from actions.catalogue.vacuum_analyze import VacuumAnalyze
from actions.catalogue.warm_cache import WarmCache

ALL: tuple[AnyAction, ...] = (
    RestartService(),
    RestartDb(),
    RollingRestart(),
    RestoreConfig(),
    RegenerateEnv(),
    RegenerateDbCreds(),
    ClearCache(),
    WarmCache(),
    RestoreDb(),
    RunMigrations(),
    RollBackMigration(),
    SwitchToFallback(),
    SwitchToPrimary(),
    RouteToBackup(),
    RouteToPrimary(),
    KillIdleConnections(),
    KillSession(),
    KillProcess(),
    PauseJob(),
    ResumeJob(),
    RequeueInflight(),
    ResetLink(),
    FailoverLink(),
    ResetCircuitBreaker(),
    RollBackRelease(),
    RevertChange(),
    RotateLogs(),
    VacuumAnalyze(),
)
