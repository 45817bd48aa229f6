"""Faults that are no button and that no runbook knows, for recorded cases; not part of the product."""
