"""Tar shards: what is written is what was there, what is read needs no trust, and one sampler serves both."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from nirgan.config.schema import Augmentation
from nirgan.data import Data, Pairing, StepPlan, TrainingSet, contents, make_loader, open_data
from nirgan.data.files import picture_shape, read_picture
from nirgan.data.shards import write
from nirgan.data.shards.index import INDEX, read_index
from nirgan.data.shards.scan import open_shards
from nirgan.data.shards.write import write_shards
from nirgan.errors import NirganError

NAMES = ["country/0.1", "country/0002", "country/a b", "sea/ä", "sea/100%", "sea/x.nir", "sea/0007", "top"]
FEW_KB = 0.008
"""Of random pictures, a shard of so many MiB holds two or three samples."""
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLOUR = np.dstack([GREY, GREY.T, 255 - GREY])


@pytest.fixture
def folder(tmp_path: Path, write_pairs) -> Path:
    return write_pairs(tmp_path / "pairs", NAMES)


@pytest.fixture
def shards(folder: Path, tmp_path: Path) -> Path:
    pytest.importorskip("webdataset")
    write_shards(str(folder), tmp_path / "packed", shard_mb=FEW_KB)
    return tmp_path / "packed"


def opened(place: Path | str, **options: Any) -> Data:
    return open_data([str(place)], **({"task": "nir2rgb"} | options))


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_same(packed: Data, plain: Data) -> None:
    said = ("key", "category", "scene", "split", "pairing", "region")
    both = list(zip(packed.records(), plain.records(), strict=True))
    for one, other in both:
        assert [getattr(one, name) for name in said] == [getattr(other, name) for name in said]
        ours, theirs = packed.sample(one), plain.sample(other)
        assert torch.equal(ours.source, theirs.source)
        assert ours.target is not None
        assert theirs.target is not None
        assert torch.equal(ours.target, theirs.target)
    assert packed.fingerprint() == plain.fingerprint()


def test_shards_hold_what_the_folder_holds(folder: Path, shards: Path) -> None:
    packed = opened(shards)
    assert packed.problems == []
    assert packed.layouts[0].endswith(f"{len(list(shards.glob('*.tar')))} shards")
    assert {record.split for record in packed.records()} == {"train", "val", "test"}
    assert_same(packed, opened(folder))


def test_a_shard_is_closed_when_it_is_full(folder: Path, shards: Path) -> None:
    sizes = []
    for path in sorted(shards.glob("shard-*.tar")):
        with tarfile.open(path) as tar:
            sizes.append([member.size for member in tar])
    assert len(sizes) > 2
    for full in sizes[:-1]:  # three members a sample: full with the last sample, and not before
        assert sum(full) >= FEW_KB * 2**20 > sum(full[:-3])


def test_webdataset_reads_the_files_as_they_were(folder: Path, shards: Path) -> None:
    tariterators = pytest.importorskip("webdataset.tariterators")
    paths = sorted(shards.glob("*.tar"))
    samples = list(tariterators.tarfile_samples({"url": str(path)} for path in paths))
    told = {}
    for sample in samples:
        said = json.loads(sample["json"])
        told[said["name"]] = said
        for part in ("nir", "rgb"):
            assert sample[f"{part}.png"] == (folder / part / f"{said['name']}.png").read_bytes()
    assert sorted(told) == sorted(NAMES)
    assert told["country/0.1"] == {
        "set": "pairs",
        "name": "country/0.1",
        "category": "country",
        "scene": "",
        "split": "",
        "pairing": "registered",
        "region": "whole",
    }


def test_reading_needs_no_webdataset_and_writing_says_so(
    folder: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("webdataset", "webdataset.writer"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(opened(shards).records()) == len(NAMES)
    with pytest.raises(NirganError, match=r"pip install 'nirgan\[shards\]'"):
        write_shards(str(folder), tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_a_lost_index_is_made_again(shards: Path) -> None:
    index = (shards / INDEX).read_bytes()
    (shards / INDEX).unlink()
    assert len(opened(shards).records()) == len(NAMES)
    assert (shards / INDEX).read_bytes() == index


def test_without_leave_to_write_the_index_is_kept_in_memory(
    folder: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    (shards / INDEX).unlink()
    monkeypatch.setattr("nirgan.data.shards.scan.write_index", refuse)
    assert_same(opened(shards), opened(folder))
    assert not (shards / INDEX).exists()


@pytest.mark.parametrize("wrong", ["a shard less", "behind the end", "another file", "a word", "not CSV", "empty"])
def test_an_index_that_does_not_fit_is_not_believed(folder: Path, shards: Path, wrong: str) -> None:
    text = (shards / INDEX).read_text()
    lines = text.splitlines(keepends=True)
    cells = lines[1].split(",")
    if wrong == "a shard less":
        lines = [line for line in lines if "shard-000000.tar" not in line]
    elif wrong == "behind the end":
        lines[1] = ",".join([*cells[:9], "999999999", *cells[10:]])
    elif wrong == "another file":
        lines[1] = ",".join([*cells[:7], "../../secret", *cells[8:]])
    elif wrong == "a word":
        lines[1] = ",".join([*cells[:9], "first", *cells[10:]])
    new = {"not CSV": "\x00\xff", "empty": ""}.get(wrong, "".join(lines))
    (shards / INDEX).write_text(new)
    assert read_index(shards) is None
    assert_same(opened(shards), opened(folder))
    assert (shards / INDEX).read_text() == text


def test_an_index_of_other_tars_is_not_believed(folder: Path, shards: Path, tmp_path: Path, write_pairs) -> None:
    """The same names and sizes, other pictures: the tars of one set lie beside the index of another."""
    for path in folder.rglob("*.png"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    write_shards(str(folder), tmp_path / "others", shard_mb=FEW_KB)
    old = (shards / INDEX).read_bytes()
    for path in sorted((tmp_path / "others").glob("*.tar")):
        assert path.stat().st_size == (shards / path.name).stat().st_size
        (shards / path.name).write_bytes(path.read_bytes())
    assert read_index(shards) is None
    open_shards(shards, "s")
    assert (shards / INDEX).read_bytes() == (tmp_path / "others" / INDEX).read_bytes() != old


def test_an_index_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    tar_of(tmp_path / "s" / "mine.tar", *pair("sea/1"))
    (tmp_path / "s" / "index.csv").write_text("name,place\nsea/1,Kiel\n")
    assert len(opened(f"shards:{tmp_path / 's'}").records()) == 1
    assert (tmp_path / "s" / "index.csv").read_text() == "name,place\nsea/1,Kiel\n"


def test_a_member_has_a_path_like_any_file(folder: Path, shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = [record for record in opened(shards).records() if record.name == "sea/x.nir"]
    plain = folder / "rgb" / "sea" / "x.nir.png"
    monkeypatch.setattr(contents, "_INDEXES", {})  # as in a process that was just started
    assert record.target is not None
    assert record.target.name == "x%2Enir.rgb.png"
    assert np.array_equal(read_picture(record.target).pixels, read_picture(plain).pixels)
    assert picture_shape(record.target) == picture_shape(plain) == (24, 32, 3)
    with pytest.raises(NirganError, match=r"gone\.png: cannot be read \(the index of its shards does not name it\)"):
        read_picture(record.target.with_name("gone.png"))


def test_a_folder_may_be_called_like_a_tar(tmp_path: Path, write_pairs) -> None:
    data = opened(write_pairs(tmp_path / "set.tar", ["a", "b"]))
    assert data.sample(data.records()[0]).source.shape == (1, 24, 32)


def loaded(data: Data, rank: int, start: int, stop: int, **options: Any) -> list[dict[str, Any]]:
    training = TrainingSet(data, crop=16, augment=Augmentation(), seed=0, cache_mb=0)
    plan = StepPlan(sources=8, targets=8, batch_size=2, world=2)
    options = {"view": lambda step: "image", **options}
    return list(make_loader(training, plan, rank=rank, start_step=start, stop_step=stop, **options))


def test_two_processes_with_two_workers_see_each_sample_once_an_epoch(folder: Path, shards: Path) -> None:
    packed, plain = (opened(place, val_share=0, test_share=0) for place in (shards, folder))
    keys = sorted(record.key for record in packed.records())
    for epoch in range(2):
        steps = {"start": 2 * epoch, "stop": 2 * epoch + 2}
        batches = [batch for rank in range(2) for batch in loaded(packed, rank, **steps, workers=2)]
        assert sorted(key for batch in batches for key in batch["keys"]) == keys
        same = [batch for rank in range(2) for batch in loaded(plain, rank, **steps, workers=0)]
        for ours, theirs in zip(batches, same, strict=True):
            assert ours["keys"] == theirs["keys"]
            assert torch.equal(ours["source"], theirs["source"])
            assert torch.equal(ours["target"], theirs["target"])


@pytest.mark.slow
def test_spawned_workers_find_the_index_themselves(shards: Path) -> None:
    packed = opened(shards, val_share=0, test_share=0)
    here, there = (loaded(packed, 0, 0, 2, **how) for how in ({"workers": 0}, {"workers": 1, "context": "spawn"}))
    assert all(torch.equal(one["source"], other["source"]) for one, other in zip(here, there, strict=True))


# Other layouts


def test_a_split_file_goes_with_the_shards(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    rows = [f"pairs,{name},c{number},scene {number // 2},train" for number, name in enumerate(NAMES[:6])]
    rows[4:] = [row.replace("train", "test") for row in rows[4:]]  # both of scene 2
    (folder / "split.csv").write_text("set,name,category,scene,split\n" + "\n".join(rows) + "\n")
    packed = write_shards(str(folder), tmp_path / "packed")
    assert (packed.shards, packed.samples) == (1, 6)
    assert packed.problems == ["not in split.csv, left out: 2 (pairs/sea/0007, pairs/top)"]
    data = opened(tmp_path / "packed")
    assert [record.scene for record in data.records("test")] == ["scene 2", "scene 2"]
    assert_same(data, opened(folder))
    (tmp_path / "packed" / "split.csv").unlink()  # the samples know it, too
    assert len(opened(tmp_path / "packed").records("test")) == 2


def test_a_file_that_holds_both_pictures_is_stored_once(tmp_path: Path, write: Callable[..., None]) -> None:
    pytest.importorskip("webdataset")
    for name in ("a", "b", "c"):
        write(tmp_path / "both" / f"{name}.png", np.hstack([COLOUR, np.dstack([GREY] * 3)]))
    write_shards(str(tmp_path / "both"), tmp_path / "packed")
    with tarfile.open(tmp_path / "packed" / "shard-000000.tar") as tar:
        assert [member.name for member in tar][:2] == ["both/a.json", "both/a.pair.png"]
    assert_same(opened(tmp_path / "packed"), opened(tmp_path / "both"))


def test_unpaired_sides_and_folders_of_splits_come_back(tmp_path: Path, write: Callable[..., None]) -> None:
    pytest.importorskip("webdataset")
    for name in ("1", "2", "3"):
        write(tmp_path / "pools" / "trainA" / f"{name}.png", GREY)
        write(tmp_path / "pools" / "trainB" / f"{name}.png", COLOUR)
    write(tmp_path / "pools" / "testB" / "9.png", COLOUR)
    write(tmp_path / "pools" / "testA" / "8.png", GREY)
    write_shards(str(tmp_path / "pools"), tmp_path / "packed")
    packed, plain = opened(tmp_path / "packed"), opened(tmp_path / "pools")
    assert packed.pairing == Pairing.UNPAIRED
    assert [record.key for record in packed.records()] == [record.key for record in plain.records()]
    assert [record.split for record in packed.records()] == [record.split for record in plain.records()]
    assert packed.fingerprint() == plain.fingerprint()


def test_photographs_come_back(tmp_path: Path, write: Callable[..., None]) -> None:
    pytest.importorskip("webdataset")
    for name in ("1", "2", "3"):
        write(tmp_path / "photos" / "cats" / f"{name}.png", COLOUR)
    write_shards(str(tmp_path / "photos"), tmp_path / "packed")
    assert_same(opened(tmp_path / "packed", task="gray2rgb"), opened(tmp_path / "photos", task="gray2rgb"))


def test_shards_can_be_packed_anew(folder: Path, shards: Path, tmp_path: Path) -> None:
    write_shards(str(shards), tmp_path / "again")
    assert len(list((tmp_path / "again").glob("*.tar"))) == 1
    assert_same(opened(tmp_path / "again"), opened(folder))


def test_what_a_folder_says_of_its_light_goes_with_it(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    (folder / "band.yaml").write_text("wavelength: 850\n")
    write_shards(str(folder), tmp_path / "packed")
    assert opened(tmp_path / "packed").wavelength == opened(folder).wavelength == "850nm"


def test_several_bands_are_said_and_not_carried(tmp_path: Path, write_pairs) -> None:
    pytest.importorskip("webdataset")
    for name, line in (("one", "wavelength: 850\n"), ("two", "wavelength: broad\n"), ("three", "")):
        write_pairs(tmp_path / "sets" / name, ["a"])
        (tmp_path / "sets" / name / "band.yaml").write_text(line)
    packed = write_shards(str(tmp_path / "sets"), tmp_path / "packed")
    assert packed.problems == [
        "several bands, so that the shards say none: pack them apart: 3 (850 nm, broad near-infrared, not said)"
    ]
    assert not (tmp_path / "packed" / "band.yaml").exists()


def test_built_in_scenes_are_no_files(tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    with pytest.raises(NirganError, match="nirgan data synth"):
        write_shards("synthetic", tmp_path / "packed")


# Interruptions and failures


class Counted:
    """Reads, and stops everything at the n-th file."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.paths: list[Path] = []
        self.stop_at = stop_at

    def __call__(self, path: Path) -> bytes:
        if len(self.paths) == self.stop_at:
            raise KeyboardInterrupt
        self.paths.append(path)
        return contents.read_bytes(path)


def interrupted(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> Path:
    pytest.importorskip("webdataset")
    with monkeypatch.context() as patch:
        patch.setattr(write, "read_bytes", Counted(after))
        with pytest.raises(KeyboardInterrupt):
            write_shards(str(folder), out, shard_mb=FEW_KB)
    return out.with_name(f".{out.name}.part")


def test_an_interrupted_run_goes_on(
    folder: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    part = interrupted(folder, out, monkeypatch, after=13)  # in the seventh sample
    assert [path.name for path in part.iterdir()] == ["shard-000000.tar"]
    assert not out.exists()
    (part / ".shard-000009.tar.1.part").write_bytes(b"killed")
    reads = Counted()
    monkeypatch.setattr(write, "read_bytes", reads)
    packed = write_shards(str(folder), out, shard_mb=FEW_KB)
    assert packed.samples == 8
    assert len(reads.paths) == 10  # three of eight samples were there
    assert contents_of(out) == contents_of(shards)  # as if it had never stopped
    assert not part.exists()


def test_what_changed_since_an_interruption_is_packed_as_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    interrupted(folder, out, monkeypatch, after=13)
    changed = folder / "nir" / "country" / "0.1.png"
    changed.write_bytes((folder / "nir" / "top.png").read_bytes())
    os.utime(changed, (4e9, 4e9))  # a clock has ticks, and this test is fast
    write_shards(str(folder), out, shard_mb=FEW_KB)
    assert_same(opened(out), opened(folder))


def test_a_full_disk_is_said_in_a_line_and_with_room_it_goes_on(
    folder: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write._Shards.add
    added: list[object] = []

    def full(self: Any, sample: Any) -> None:
        added.append(sample)
        if len(added) > 5:
            raise OSError(28, "No space left on device")
        written(self, sample)

    with monkeypatch.context() as patch:
        patch.setattr(write._Shards, "add", full)
        with pytest.raises(NirganError, match=r"out: cannot be written \(No space left on device\); .* goes on from"):
            write_shards(str(folder), tmp_path / "out", shard_mb=FEW_KB)
    assert not (tmp_path / "out").exists()
    write_shards(str(folder), tmp_path / "out", shard_mb=FEW_KB)
    assert contents_of(tmp_path / "out") == contents_of(shards)


def test_what_cannot_be_read_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    lost = folder / "nir" / "top.png"
    lost.unlink()
    lost.symlink_to(tmp_path / "nowhere.png")
    packed = write_shards(str(folder), tmp_path / "packed")
    assert packed.samples == 7
    assert packed.failed == [(str(lost), "No such file or directory")]
    assert "pairs/top" not in [record.key for record in opened(tmp_path / "packed").records()]


def test_two_calls_at_once_keep_apart(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    errors: list[str] = []

    def show(done: int, total: int) -> None:
        if not errors:
            with pytest.raises(NirganError) as refused:
                write_shards(str(folder), tmp_path / "packed", shard_mb=FEW_KB)
            errors.append(str(refused.value))

    packed = write_shards(str(folder), tmp_path / "packed", shard_mb=FEW_KB, show=show)
    assert errors == [f"{tmp_path / 'packed'}: another process is writing there; wait for it"]
    assert packed.samples == len(opened(tmp_path / "packed").records()) == len(NAMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "pairs"]


def test_a_folder_that_is_in_use_is_left_alone(folder: Path, shards: Path) -> None:
    before = contents_of(shards)
    with pytest.raises(NirganError, match="is there already"):
        write_shards(str(folder), shards)
    assert contents_of(shards) == before


# Tars that nobody should trust


def picture(pixels: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1])


NIR, RGB = picture(GREY), picture(COLOUR)


def member(name: str, content: bytes = b"", **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in changes.items():
        setattr(info, attribute, value)
    return info, content


def pair(key: str) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [member(f"{key}.nir.png", NIR), member(f"{key}.rgb.png", RGB)]


def described(key: str, **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    said = dict.fromkeys(("category", "scene", "split"), "")
    said |= {"set": "s", "name": key, "pairing": "registered", "region": "whole"} | changes
    return member(f"{key}.json", json.dumps(said).encode())


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def test_others_tars_are_read_when_asked_for(tmp_path: Path) -> None:
    tar_of(tmp_path / "s" / "mine.tar", *pair("sea/1"), *pair("sea/2"), member("sea/2.txt", b"two"), *pair("top"))
    data = opened(f"shards:{tmp_path / 's'}")
    assert [record.key for record in data.records()] == ["s/sea/1", "s/sea/2", "s/top"]
    assert [record.category for record in data.records()] == ["sea", "sea", ""]
    assert data.pairing == Pairing.REGISTERED
    sample = data.sample(data.records()[0])
    assert torch.equal(sample.source[0], torch.from_numpy(GREY / np.float32(255)))


def test_an_archive_beside_pictures_is_no_shard(folder: Path) -> None:
    tar_of(folder / "original.tar", *pair("a"))
    assert len(opened(folder).records()) == len(NAMES)


def test_hostile_members_are_harmless_and_named(tmp_path: Path) -> None:
    hostile = {
        "s/link.nir.png": member("s/link.nir.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "s/hard.nir.png": member("s/hard.nir.png", type=tarfile.LNKTYPE, linkname="../secret"),
        "s/pipe.nir.png": member("s/pipe.nir.png", type=tarfile.FIFOTYPE),
        "/etc/root.nir.png": member("/etc/root.nir.png", NIR),
        "../../up.nir.png": member("../../up.nir.png", NIR),
        "s/./dot.nir.png": member("s/./dot.nir.png", NIR),
        "C:/drive.nir.png": member("C:/drive.nir.png", NIR),
        "back\\slash.nir.png": member("back\\slash.nir.png", NIR),
        "good.nir.png": member("good.nir.png", RGB),
    }
    descriptions = {
        "up": described("up", name="../../up"),
        "root": described("root", set="/etc"),
        "list": member("list.json", b"[]"),
        "deep": member("deep.json", b"[" * 60_000),
        "large": member("large.json", b" " * 70_000),
        "binary": member("binary.json", b"\xff\x00"),
        "word": described("word", pairing="married"),
        "number": described("number", scene=7),
        "half": described("half", region="left-right"),
        "surrogate": described("surrogate", category="\ud800"),
    }
    with_pictures = [part for key, info in descriptions.items() for part in (info, *pair(key))]
    alone = described("alone")
    members = [described("good"), *pair("good"), *hostile.values(), *with_pictures, alone]
    tar = tar_of(tmp_path / "set" / "shard-000000.tar", *members)
    for _ in range(2):  # each time it is opened
        data = opened(tmp_path / "set")
        assert [record.key for record in data.records()] == ["s/good"]
        (problem,) = data.problems
        assert problem.kind == "left out of the shards"
        for name in (*hostile, *descriptions, "alone"):
            assert any(f": {name}: left out, " in words for words in problem.files), (name, problem.files)
        assert problem.count == len(hostile) + len(descriptions) + 1
        assert torch.equal(data.sample(data.records()[0]).source[0], torch.from_numpy(GREY / np.float32(255)))
    assert sorted(tmp_path.rglob("*")) == [tar.parent, tar]


def test_a_shard_without_a_byte_is_said_to_be_cut(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "shard-000000.tar").touch()
    with pytest.raises(NirganError, match=r"s: no pictures \(1 shard; .*shard-000000\.tar: cut or damaged"):
        opened(tmp_path / "s")


def header(size: int, **changes: Any) -> bytes:
    info = member("s/c.nir.png", **changes)[0]
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "end",
    [
        header(2**33),
        header(2**62),
        header(-512),
        header(-(2**40)),
        header(2**33, type=tarfile.XHDTYPE),
        header(-512, type=tarfile.XHDTYPE),
        header(2**33, type=tarfile.GNUTYPE_LONGNAME),
        header(2**33, type=b"Z"),
        header(-1024, type=b"Z"),
        header(0, type=tarfile.GNUTYPE_SPARSE),
        header(0, type=tarfile.XHDTYPE) * 2000,
        header(len(NIR)) + NIR[:20],
        b"noise" * 300,
        b"\0" * 512,
        b"",
    ],
    ids=range(15),
)
def test_what_stands_before_damage_is_read(tmp_path: Path, end: bytes) -> None:
    path = tar_of(tmp_path / "s" / "shard-000000.tar", *pair("a"), *pair("b"))
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1]
    content = path.read_bytes()[: last.offset_data + -(-last.size // 512) * 512]
    path.write_bytes(content + end)
    data = opened(tmp_path / "s")
    assert [record.key for record in data.records()] in (["s/a"], ["s/a", "s/b"])
    assert data.problems
    assert all("shard-000000.tar" in words for words in data.problems[0].files)


@pytest.mark.parametrize("end", [0, 100, 700, 2000])
def test_a_cut_shard_loses_its_last_sample_alone(shards: Path, end: int) -> None:
    last = max(shards.glob("*.tar"))
    (shards / INDEX).unlink()
    with tarfile.open(last) as tar:
        place = tar.getmembers()[-1].offset
    last.write_bytes(last.read_bytes()[: place + end])
    found = open_shards(shards, "s")
    assert len(found.entries) == len(NAMES) - 1
    assert len(found.problems) == 1
    assert "cut or damaged" in found.problems[0]


def test_a_tar_that_is_cut_after_it_was_opened_is_said(shards: Path) -> None:
    data = opened(shards)
    record = data.records()[-1]
    tar = contents.shard_of(record.path)
    assert tar is not None
    tar.write_bytes(tar.read_bytes()[:600])
    with pytest.raises(NirganError, match="its tar is cut; copy it again"):
        data.sample(record)
