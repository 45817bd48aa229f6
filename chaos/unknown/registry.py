"""Every fault that no runbook tells of, by id; those without a change to be found stand in the second table."""

from __future__ import annotations

from chaos.alterations import Alteration
from chaos.unknown import (
    cache,
    environment,
    files,
    outside,
    proxy,
    roles,
    runtime,
    settings,
    strangers,
    tables,
    wires,
)

TRACEABLE: dict[str, Alteration] = {
    made.id: made
    for made in (
        roles.ReadOnly(),
        roles.ShortSessions(),
        roles.Encoding(),
        roles.MissingLibrary(),
        roles.NoLogin(),
        roles.PasswordEnds(),
        roles.FewForAll(),
        roles.WideRevoke(),
        roles.SomeColumns(),
        roles.OtherOwner(),
        tables.SequenceEnds(),
        tables.LostDefault(),
        tables.RequiredColumn(),
        tables.RowRules(),
        tables.Swallows(),
        tables.MovedTable(),
        tables.OtherType(),
        cache.NoReplicas(),
        cache.FullAndKept(),
        cache.Follows(),
        cache.FewKeys(),
        cache.FewCommands(),
        cache.CachePassword(),
        settings.WithUnit(),
        settings.NoLife(),
        settings.ProviderAddress(),
        settings.Impatient(),
        settings.WorkerPace(),
        settings.LinesDown(),
        settings.LineElsewhere(),
        environment.LibraryVariable(),
        environment.DatabaseAddress(),
        environment.OtherNumber(),
        environment.OtherInterface(),
        proxy.HealthCheck(),
        proxy.Routes(),
        proxy.EmptyPool(),
        proxy.OneClient(),
        proxy.NoBurst(),
        proxy.SentElsewhere(),
        files.DanglingRelease(),
        files.FileGone(),
        files.Permissions(),
        files.Owner(),
        files.HostRules(),
        files.FolderInPlace(),
        runtime.LittleMemory(),
        runtime.FewFiles(),
        runtime.Stopped(),
        runtime.PortTaken(),
        runtime.HelperStopped(),
        wires.OneWay(),
        wires.Lossy(),
        wires.Narrow(),
        wires.FewPorts(),
    )
}

UNTRACEABLE: dict[str, Alteration] = {
    made.id: made
    for made in (
        outside.TableGrew(),
        strangers.Visitors(),
        outside.OrdersAtOnce(),
        outside.BadImport(),
        outside.OldMessages(),
        outside.ProviderSlow(),
        strangers.NeverHangsUp(),
        outside.KeyRunsOut(),
        strangers.AtItsHour(),
        strangers.HotKey(),
    )
}

UNKNOWN: dict[str, Alteration] = {**TRACEABLE, **UNTRACEABLE}
