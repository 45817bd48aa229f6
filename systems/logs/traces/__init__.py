"""Traces of many languages: which lines belong to one, and what they tell: the exception, and its deepest cause."""
