"""Readings in, states of signals out: the engine and its memory. What a signal is, is data and lies beside it."""
