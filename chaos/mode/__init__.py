"""Chaos mode: faults at random, on a schedule, with limits."""
