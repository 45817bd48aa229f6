"""The cloud outside and what the shop does there: signed requests, sessions that end, buckets that are gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sandbox.build import pictures
from sandbox.build.layout import Layout
from sandbox.build.seed import products
from sandbox.shop.batch import outside
from sandbox.shop.batch.jobs import cloud_refresh
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.s3 import Cloud, CloudError, Credentials, as_data, credentials_of, signature
from sandbox.shop.ops import assets
from sandbox.shop.world.objects import Objects
from tests.sandbox.answering import answering

KEY, SECRET = "AKIAMAIN", "hush"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A cloud that answers, with all the pictures in it."""
    settings = tmp_path / "world/etc/cloud.yaml"
    settings.parent.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    settings.write_text(yaml.safe_dump({"latency_ms": 0, "accounts": {KEY: SECRET}}))
    pictures.write(Layout(tmp_path, 20_000), keep=False)
    config = Config(settings)
    config.load()
    with answering(Objects(config).handle) as address:
        _settle(monkeypatch, tmp_path, address)
        yield address


def _settle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str) -> None:
    given = (
        ("SITE_DIR", str(tmp_path)),
        ("CLOUD_URL", address),
        ("CLOUD_KEY_ID", KEY),
        ("CLOUD_SECRET", SECRET),
    )
    for name, value in given:
        monkeypatch.setenv(name, value)


def code(cloud: Cloud, key: str = "pictures/GAR-122.svg", bucket: str = assets.BUCKET) -> str:
    """Of the error when an object is asked for; "" when it is given."""
    try:
        assert b"<svg" in cloud.get(bucket, key)
    except CloudError as error:
        return error.code
    return ""


def test_a_signature_is_that_of_the_published_example() -> None:
    """Of the documentation of SigV4, but for the hash of the body, which is left out here."""
    signed = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z"}
    one = signature(
        "wJalr", "GET", "/", {"max-keys": "2", "prefix": "J"}, signed, "20130524/us-east-1/s3/aws4_request"
    )
    other = signature(
        "wJalr", "GET", "/", {"prefix": "J", "max-keys": "2"}, signed, "20130524/us-east-1/s3/aws4_request"
    )
    assert one == other and len(one) == 64
    assert one != signature("wJalr", "PUT", "/", {}, signed, "20130524/us-east-1/s3/aws4_request")


def test_who_is_known_reads_and_writes_and_nobody_else(url: str) -> None:
    cloud = Cloud(url, Credentials(KEY, SECRET))
    assert code(cloud) == ""
    assert len(cloud.keys(assets.BUCKET)) == len(products())
    cloud.put(assets.BUCKET, "pictures/new.svg", b"<svg/>")
    assert cloud.get(assets.BUCKET, "pictures/new.svg") == b"<svg/>"
    assert code(cloud, "pictures/none.svg") == "NoSuchKey"
    assert code(Cloud(url, Credentials(KEY, "guess"))) == "SignatureDoesNotMatch"
    assert code(Cloud(url, Credentials("AKIAOTHER", SECRET))) == "InvalidAccessKeyId"
    for key in ("../etc/cloud.yaml", "pictures/..", ".hidden"):
        assert code(cloud, key) == "InvalidURI"


def test_a_session_is_good_until_it_ends(url: str) -> None:
    given = Cloud(url, Credentials(KEY, SECRET)).session("role", 60)
    cloud = Cloud(url, given)
    assert code(cloud) == ""
    assert given.key_id in cloud.identity()
    assert credentials_of(as_data(given)) == given and abs(given.ends - time.time() - 60) < 3
    with pytest.raises(CloudError, match="may not open"):
        cloud.session("role", 60)
    assert code(Cloud(url, replace(given, token="another"))) == "InvalidToken"


def test_an_ended_session_is_renewed_by_hand_and_by_the_job(url: str) -> None:
    assert assets.session() == "missing"
    assets.rotate(1)
    time.sleep(2.1)
    assert assets.session() == "expired"
    given = assets.current()
    assert given is not None and code(Cloud(url, given)) == "ExpiredToken"
    assert assets.main(["rotate"]) == 0
    assert assets.session() == "valid"
    assets.rotate(100)
    cloud_refresh.run({"least_s": 50})
    before = assets.current()
    cloud_refresh.run({"least_s": 600})
    after = assets.current()
    assert before and after and before.key_id != after.key_id and after.ends - time.time() > 800


def test_a_bucket_that_is_gone_is_made_again_from_its_copy(url: str, tmp_path: Path) -> None:
    assert assets.bucket() == "there"
    (tmp_path / "world/data" / assets.BUCKET).rename(tmp_path / "gone")
    assert assets.bucket() == "missing"
    cloud = Cloud(url, Credentials(KEY, SECRET))
    assert code(cloud) == "NoSuchBucket" and code(cloud, bucket=assets.COPY) == ""
    assert assets.main(["restore"]) == 0
    assert assets.bucket() == "there" and code(cloud) == ""
    assert assets.restore() == 0
    pictures.write(Layout(tmp_path, 20_000), keep=True)  # prepared again, it mends nothing


def test_what_is_told_of_the_outside_is_unknown_where_nobody_answers(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outside.look() == {"key": None, "session": "missing", "bucket": "there"}
    monkeypatch.setenv("CLOUD_URL", "http://127.0.0.1:1")
    assert outside.look() == {"key": None, "session": "missing", "bucket": None}
