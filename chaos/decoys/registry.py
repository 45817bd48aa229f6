"""Every kind of harmless change, by id."""

from __future__ import annotations

from chaos.decoys import files, stores, units
from chaos.decoys.base import Decoy

DECOYS: dict[str, Decoy] = {
    "config_value": files.ConfigValue(),
    "config_key": files.ConfigKey(),
    "config_comment": files.ConfigComment(),
    "env_variable": files.EnvVariable(),
    "file_mode": files.FileMode(),
    "same_release": files.SameRelease(),
    "role_comment": stores.RoleComment(),
    "role_limit": stores.RoleLimit(),
    "index": stores.Index(),
    "table": stores.Table(),
    "grant": stores.Grant(),
    "server_setting": stores.ServerSetting(),
    "flag_row": stores.FlagRow(),
    "cache_setting": stores.CacheSetting(),
    "cache_user": stores.CacheUser(),
    "memory_limit": units.MemoryLimit(),
    "restart": units.Restart(),
}
