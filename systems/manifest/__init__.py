"""The manifest of a system under care: what a person writes of it, read and checked."""

from systems.manifest.reading import ManifestError, load_manifest, parse_manifest, read_manifest
from systems.manifest.types import Manifest, Service

__all__ = ["Manifest", "ManifestError", "Service", "load_manifest", "parse_manifest", "read_manifest"]
