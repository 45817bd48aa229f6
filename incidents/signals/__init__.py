"""Signals: named statements about one service ("does not answer on its port") that are true, false or unknown."""

from incidents.signals.base import Signal, SignalState
from incidents.signals.catalog import CATALOG

__all__ = ["CATALOG", "Signal", "SignalState"]
