"""Profiles: what is known of a product, as data, so that a manifest need only name it and say where it answers.

One YAML file here is one profile; nothing else is touched to add one, and the tests take it from here.
"""

from systems.profiles.bringing import Use, brought
from systems.profiles.merging import fill_in
from systems.profiles.ratings import rating
from systems.profiles.reading import find, named, names

__all__ = ["Use", "brought", "fill_in", "find", "named", "names", "rating"]
