"""What `prepare` writes, and that running it again changes nothing that matters."""

import hashlib
import json

import yaml

from opsportal.local.binaries import postgres_bin, redis_server
from sandbox.build.layout import find_free_base
from sandbox.build.prepare import Site, prepare
from systems.manifest import load_manifest
from systems.supervisor.config import load as load_processes
from tests.sandbox.conftest import free_base


def test_golden_copies_are_what_runs(site: Site) -> None:
    root = site.layout.root
    lines = (root / "golden/SHA256SUMS").read_text().splitlines()
    assert len(lines) > 12
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((root / "golden" / name).read_bytes()).hexdigest() == digest
        if name != "etc/postgres/tuning.conf":
            assert (root / name).read_bytes() == (root / "golden" / name).read_bytes(), name


def test_manifest_and_process_files_are_valid(site: Site) -> None:
    root = site.layout.root
    manifest = load_manifest(root / "manifest.yaml")
    inside = load_processes(root / "processes.yaml")
    outside = load_processes(root / "world/processes.yaml")
    units = {service.unit for service in manifest.services.values() if service.unit}
    assert units == set(inside.services) - {"storage"}, "the volumes are the machine's"
    assert set(outside.services) == {"upstream", "fallback", "cloud", "newcomers"}
    for service in manifest.services.values():
        for pair in (service.config, service.env):
            if pair is not None:
                assert (root / pair.file).exists(), pair.file
                assert pair.golden is not None
                assert (root / pair.golden).exists(), pair.golden
        if service.release:
            assert (root / service.release.link).resolve().name == service.release.previous


def test_only_the_owner_can_read_secrets(site: Site) -> None:
    root = site.layout.root
    for name in ("site.json", "secrets.env", "etc/api-1.env", "golden/etc/api-1.env", "etc/redis.conf"):
        assert (root / name).stat().st_mode & 0o077 == 0, name


def test_the_manifest_names_neither_the_site_file_nor_its_secrets(site: Site) -> None:
    text = (site.layout.root / "manifest.yaml").read_text()
    assert "site.json" not in text
    for secret in site.secrets.as_dict().values():
        assert secret not in text


def test_nothing_the_operator_sees_speaks_of_faults(site: Site) -> None:
    root = site.layout.root
    for path in root.rglob("*"):
        name = str(path.relative_to(root)).lower()
        assert not any(word in name for word in ("chaos", "fault", "inject")), path
        if (
            path.suffix in (".py", ".yaml", ".conf", ".env", ".sql")
            and path.is_file()
            and "vol/postgres" not in str(path)
        ):
            words = path.read_text().lower().replace("default", "")
            assert "chaos" not in words, path
            assert "inject" not in words, path


def test_prepare_again_keeps_ports_secrets_and_data(site: Site) -> None:
    root = site.layout.root
    before = json.loads((root / "site.json").read_text())
    snapshot = (root / "snapshots/shop-baseline.sql").read_bytes()
    (root / "etc/api-1.yaml").write_text("broken: [")
    layout = prepare(root, site.layout.base + 400, postgres_bin(), redis_server())
    assert layout == site.layout
    assert json.loads((root / "site.json").read_text()) == before
    assert (root / "snapshots/shop-baseline.sql").read_bytes() == snapshot
    assert yaml.safe_load((root / "etc/api-1.yaml").read_text())["cache"]["ttl_s"] == 300


def test_the_standby_is_an_older_release(site: Site) -> None:
    releases = site.layout.root / "releases/api"
    assert (releases / "1.3.0/VERSION").read_text().strip() == "1.3.0"
    assert (releases / "current").resolve().name == "1.4.2"
    older = (releases / "1.3.0/shop/api/profile.py").read_text()
    assert older != (releases / "1.4.2/shop/api/profile.py").read_text()


def test_two_that_start_at_once_get_ports_of_their_own() -> None:
    """Neither has bound any of them yet."""
    wanted = free_base()
    given = [find_free_base(wanted) for _ in range(3)]
    assert len(set(given)) == 3
    assert min(given) >= wanted
