"""Every fault that no runbook tells of, by id; those without a change to be found stand in the second table."""

from __future__ import annotations

from chaos.alterations import Alteration
from chaos.unknown import cache, roles, tables

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
        cache.DumpFolder(),
        cache.FewKeys(),
        cache.FewCommands(),
        cache.CachePassword(),
    )
}

UNTRACEABLE: dict[str, Alteration] = {}

UNKNOWN: dict[str, Alteration] = {**TRACEABLE, **UNTRACEABLE}
