"""Every fix the portal knows: one file each, in the room of what it is done to, listed here once."""

from __future__ import annotations

from actions.base import AnyAction
from actions.catalogue.caches.clear_cache import ClearCache
from actions.catalogue.caches.remove_damaged import RemoveDamaged
from actions.catalogue.caches.warm_cache import WarmCache
from actions.catalogue.database.kill_idle_connections import KillIdleConnections
from actions.catalogue.database.kill_session import KillSession
from actions.catalogue.database.regenerate_db_creds import RegenerateDbCreds
from actions.catalogue.database.restart_db import RestartDb
from actions.catalogue.database.restore_db import RestoreDb
from actions.catalogue.database.run_migrations import RollBackMigration, RunMigrations
from actions.catalogue.database.vacuum_analyze import VacuumAnalyze
from actions.catalogue.files.purge_temp_files import PurgeTempFiles
from actions.catalogue.jobs.move_to_dlq import MoveToDlq
from actions.catalogue.jobs.pause_job import PauseJob
from actions.catalogue.jobs.requeue_inflight import RequeueInflight
from actions.catalogue.jobs.resume_job import ResumeJob
from actions.catalogue.logs.rotate_logs import RotateLogs
from actions.catalogue.processes.kill_process import KillProcess
from actions.catalogue.processes.restart_service import RestartService
from actions.catalogue.processes.roll_back_release import RollBackRelease
from actions.catalogue.processes.rolling_restart import RollingRestart
from actions.catalogue.settings.regenerate_env import RegenerateEnv
from actions.catalogue.settings.restore_config import RestoreConfig
from actions.catalogue.settings.revert_change import RevertChange
from actions.catalogue.traffic.failover_link import FailoverLink
from actions.catalogue.traffic.reset_circuit_breaker import ResetCircuitBreaker
from actions.catalogue.traffic.reset_link import ResetLink
from actions.catalogue.traffic.route_to_backup import RouteToBackup
from actions.catalogue.traffic.route_to_primary import RouteToPrimary
from actions.catalogue.traffic.switch_to_fallback import SwitchToFallback
from actions.catalogue.traffic.switch_to_primary import SwitchToPrimary

ALL: tuple[AnyAction, ...] = (
    RestartService(),
    RestartDb(),
    RollingRestart(),
    RestoreConfig(),
    RegenerateEnv(),
    RegenerateDbCreds(),
    ClearCache(),
    RemoveDamaged(),
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
    MoveToDlq(),
    ResetLink(),
    FailoverLink(),
    ResetCircuitBreaker(),
    RollBackRelease(),
    RevertChange(),
    RotateLogs(),
    PurgeTempFiles(),
    VacuumAnalyze(),
)
