"""`python -m shop.ops.assets rotate [SECONDS] | restore`: the shop's pictures in the cloud.

rotate: a new session for all who read them, for so long (15 minutes). restore: the bucket made again where it is
gone, and what it lacks brought over from its copy. Settings: CLOUD_URL, CLOUD_KEY_ID, CLOUD_SECRET, SITE_DIR.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml

from ..kit.s3 import Cloud, CloudError, Credentials, as_data, credentials_of

BUCKET, COPY = "shop-assets", "shop-assets-dr"
ROLE = "arn:aws:iam::1:role/pictures"
LASTS_S = 900
GONE = "NoSuchBucket"


def account() -> Cloud:
    """The cloud, asked with the shop's long-lived key."""
    given = Credentials(os.environ["CLOUD_KEY_ID"], os.environ["CLOUD_SECRET"])
    return Cloud(os.environ["CLOUD_URL"], given)


def file() -> Path:
    """Where the session lies that all who read pictures use."""
    return Path(os.environ["SITE_DIR"]) / "etc" / "cloud-credentials.yaml"


def rotate(seconds: int = LASTS_S) -> float:
    """A new session in the file; epoch seconds of its end. Raises CloudError."""
    made = account().session(ROLE, seconds)
    fresh = file().with_name(f".{file().name}.new")
    fresh.write_text(yaml.safe_dump(as_data(made), sort_keys=False, width=200))
    fresh.chmod(0o600)
    fresh.replace(file())
    return made.ends


def current() -> Credentials | None:
    """The session in the file; None where there is none."""
    try:
        return credentials_of(yaml.safe_load(file().read_text()))
    except (OSError, yaml.YAMLError, CloudError):
        return None


def session() -> str:
    """What the cloud says of the session in use: valid, expired or refused. CloudError when it does not answer."""
    given = current()
    if given is None:
        return "missing"
    try:
        Cloud(os.environ["CLOUD_URL"], given).identity()
    except CloudError as error:
        if not error.code:
            raise
        return "expired" if error.code == "ExpiredToken" else "refused"
    return "valid"


def bucket() -> str:
    """Whether the pictures' bucket is there, by the account's own key. CloudError when that cannot be said."""
    try:
        there = account().keys(BUCKET)
    except CloudError as error:
        if error.code == GONE:
            return "missing"
        raise
    return "there" if there else "empty"


def restore() -> int:
    """How many objects were brought over."""
    cloud = account()
    cloud.create(BUCKET)
    lacks = sorted(set(cloud.keys(COPY)) - set(cloud.keys(BUCKET)))
    for key in lacks:
        cloud.put(BUCKET, key, cloud.get(COPY, key))
    return len(lacks)


def main(argv: list[str]) -> int:
    try:
        if argv[:1] == ["rotate"]:
            rotate(int(argv[1]) if argv[1:] else LASTS_S)
            print("a new session is in force")
        elif argv == ["restore"]:
            print(f"{restore()} objects brought over")
        else:
            raise CloudError("", "say rotate or restore")
    except (CloudError, OSError, KeyError) as error:
        print(f"assets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
