"""What is read of a bundle and what is not, whatever it contains."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from agent.foreign.service import diagnose
from agent.replay import recorded, run
from incidents.bundles import folder
from incidents.foreign import files, reading
from incidents.foreign.files import Budget, NoBundle

LINE = {
    "timestamp": "2026-04-18T10:00:00Z",
    "service": "web",
    "status": "error",
    "message": "no space left on device",
}
SECRET = [{**LINE, "message": "out of memory: the answer", "service": "peeked"}]


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "name",
    ["answer.json", "Answers.YML", "scenario.json", "SCENARIO_1.json", "solution.txt", "ground_truth.json",
     "my-Truth.csv", "deep/er/answer.json", "answers/logs.json", "Ground_Truth/x.json"],
)  # fmt: skip
def test_a_file_that_may_hold_the_answer_is_not_read(name: str, tmp_path: Path) -> None:
    _write(tmp_path / name, SECRET)
    _write(tmp_path / "logs.json", [LINE])
    assert set(reading.read(tmp_path).logs.flow) == {"web"}


def test_nor_behind_a_link_nor_in_an_archive(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    _write(bundle / "answer.json", SECRET)
    _write(tmp_path / "outside.json", SECRET)
    _write(tmp_path / "elsewhere" / "x.json", SECRET)
    _write(bundle / "logs.json", [LINE])
    (bundle / "metrics.json").symlink_to("answer.json")
    (bundle / "more.json").symlink_to(tmp_path / "outside.json")
    (bundle / "folder").symlink_to(tmp_path / "elsewhere")
    (bundle / "loop.json").symlink_to("loop.json")
    os.mkfifo(bundle / "pipe.json")
    with zipfile.ZipFile(bundle / "data.zip", "w") as archive:
        archive.writestr("x/Answer.yml", json.dumps(SECRET))
    with tarfile.open(bundle / "more.tar.gz", "w:gz") as tar:
        tar.add(bundle / "answer.json", "solution.json")
        link = tarfile.TarInfo("link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    facts = reading.read(bundle)
    assert set(facts.logs.flow) == {"web"}
    assert any("leads out of the bundle" in n for n in facts.notes)


@pytest.mark.parametrize("pack", ["zip", "tar.gz", "gz"])
def test_archives_are_read_like_folders(pack: str, tmp_path: Path) -> None:
    path = tmp_path / f"bundle.{pack}"
    body = json.dumps([LINE]).encode()
    if pack == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("some/logs.json", body)
    elif pack == "tar.gz":
        with tarfile.open(path, "w:gz") as tar:
            info = tarfile.TarInfo("some/logs.json")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    else:
        path.write_bytes(gzip.compress(body))
    assert set(reading.read(path).logs.flow) == {"web"}


def test_a_bomb_is_cut_and_said_to_be(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", b"x" * 9_000_000)
        archive.writestr("b.log", b"2026-04-18T10:00:00Z ERROR web no space left on device\n" * 10)
    facts = reading.read(tmp_path, Budget(bytes=1_000_000))
    assert any("too large" in n or "larger than" in n for n in facts.notes)


HOSTILE = {
    "deep.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep2.json": b"[" * 200_000,
    "cut.json": b'{"logs": [{"message": "x"',
    "binary.log": bytes(range(256)) * 100,
    "latin.log": "2026-04-18 10:00:00 ERROR Datenträger voll äöü\n".encode("latin-1") * 3,
    "wide.log": "2026-04-18 10:00:00 ERROR x\n".encode("utf-16"),
    "nul.csv": b"time,a_cpu\n1,\0\n2,3\n",
    "bomb.yml": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "endless.log": b"A" * 3_000_000,
    "numbers.json": b'{"values": [[1e999, 1], [NaN, Infinity], ["x", {}]], "metric": {"pod": 3}}',
    "types.json": b'[{"kind": "Pod", "metadata": {"name": 7}, "status": {"containerStatuses": {"a": 1}}}]',
    "odd.json": b'{"resourceSpans": [{"scopeSpans": [null, 3, {"spans": [{"startTimeUnixNano": "x"}]}]}]}',
    "empty.json": b"",
    "fake.zip": b"PK\x03\x04 not really",
    "fake.gz": b"\x1f\x8b not really",
    "fake.tar": b"\0" * 2000,
    "quote.csv": b'time,message,level\n1766000000,"never ends, error\n' * 50,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_noted_and_hurts_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name])
    _write(tmp_path / "logs.json", [LINE])
    found = diagnose(tmp_path)
    assert found.suspects[0].cause == "disk_exhausted"


def test_a_path_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(NoBundle, match="no folder and no file"):
        diagnose(tmp_path / "missing")


def test_an_empty_folder_is_unknown(tmp_path: Path) -> None:
    assert diagnose(tmp_path).verdict == "unknown"


def test_names_that_only_sound_alike_are_read() -> None:
    assert not any(files.hidden(n) for n in ("metrics/unanswered.json", "resolution.json"))
    assert files.hidden("a/answer") and files.hidden("b/groundtruth.csv")


CORPUS = Path(__file__).parents[1] / "corpus"


def test_a_bundle_of_a_portal_is_diagnosed_as_it_was_live_from_its_folder_and_packed(tmp_path: Path) -> None:
    case = CORPUS / "config_corruption-1"
    plain = diagnose(case)
    with tarfile.open(tmp_path / "shop-7.tar.gz", "w:gz") as tar:
        tar.add(case, "shop-7")
    packed = diagnose(tmp_path / "shop-7.tar.gz")
    replayed = run(folder.read(case), recorded.shipped())
    assert replayed.first is not None
    assert (plain.suspects[0].component, plain.suspects[0].cause) == (
        replayed.first.component,
        replayed.first.cause,
    )
    assert {k: v for k, v in packed.as_json().items() if k != "seconds"} == {
        k: v for k, v in plain.as_json().items() if k != "seconds"
    }
