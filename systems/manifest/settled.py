"""The parts of a manifest that say where settled values stand: what somebody sets, and may set otherwise."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from systems.manifest.base import Address, Model, Names, Url


class StateTable(Model):
    """A small table of settings: the values of `columns` in each row, which is named by the column `key`."""

    table: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")
    """Its name, with its schema where that is another: `config.toggles`."""
    key: str
    """The column that names a row."""
    columns: Names
    """The columns with settings."""
    kind: Literal["data", "flag", "setting"] = "data"
    """What a value in it is."""


class StateHttp(Model):
    """A page of an administration interface that answers JSON: what of it is settled."""

    url: Url
    """Asked by GET."""
    only: list[str] = Field(min_length=1)
    """Patterns of dotted paths, where `*` stands for anything: `pools.*.sent_to`."""
    sets: dict[str, Url] = {}
    """By such a pattern, what is POSTed to for a value to be another: `{value}`, and `{1}`, `{2}` for what its `*`
    stood for, are filled in."""
    kind: Literal["route", "setting", "flag", "limit"] = "route"
    """What a value on it is."""


class StateSpec(Model):
    """Where else settled values of a service stand, beside what its other sections name."""

    files: Names = []
    """Files; of a folder whose name ends in `/` only how it lies there."""
    tables: list[StateTable] = []
    """Small tables of settings in its database."""
    http: list[StateHttp] = []
    """Pages of its administration interface."""
    interval_s: float = Field(4.0, ge=1, le=60)
    """Seconds from one look at those pages to the next."""
    names: Names = []
    """Host names: what they resolve to."""
    tls: list[Address] = []
    """host:port that shows a certificate: its days are counted, and what changes of it is kept. (Of https addresses
    that is so without being said.)"""
    owner: str = Field("", max_length=80)
    """Who manages its files, such as `gitops`."""
    keep: bool = False
    """The values themselves may be kept in the portal's own folder, so that those that are secret or long can be put
    back."""
