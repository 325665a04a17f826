"""Decoded pictures on disk: the same crops without decoding, for many processes, within a limit, whatever breaks."""

from __future__ import annotations

import logging
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from filelock import FileLock

from nirgan.config.schema import Augmentation
from nirgan.data import SampleKey, StepPlan, TrainingSet, make_loader, open_data
from nirgan.data import dataset as dataset_module
from nirgan.data import disk_cache as disk_module
from nirgan.data.cache import PictureCache
from nirgan.data.disk_cache import DiskCache, Prepared
from nirgan.data.files import Picture
from nirgan.data.sample import Sample
from nirgan.errors import NirganError

Write = Callable[[Path, np.ndarray], None]

NAMES = [f"{number:02d}" for number in range(8)]
MIB = 2**20
HEADER = 4096
SOURCE, TARGET = HEADER + 24 * 32, HEADER + 24 * 32 * 3
"""Bytes of one kept picture of ``write_pairs``."""


@pytest.fixture
def folder(tmp_path: Path, write_pairs) -> Path:
    return write_pairs(tmp_path / "pairs", NAMES)


@pytest.fixture
def no_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after which nothing can be decoded any more."""

    def refuse(*args: object) -> None:
        raise AssertionError("a picture was decoded")

    return lambda: monkeypatch.setattr(dataset_module, "read_side", refuse)


def training_set(folder: Path, disk: DiskCache | None, *, task: Any = "nir2rgb", **options: Any) -> TrainingSet:
    data = open_data([str(folder)], task=task, val_share=0, test_share=0, **options)
    return TrainingSet(data, crop=16, augment=Augmentation(scale=0.2), seed=0, cache_mb=0, disk=disk)


def crops(training: TrainingSet) -> list[Sample]:
    count = len(training.sources)
    return [training[SampleKey("image", epoch, index, index)] for epoch in range(2) for index in range(count)]


def assert_same(ours: list[Sample], theirs: list[Sample]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert (one.key, one.full_scale) == (other.key, other.full_scale)
        assert torch.equal(one.source, other.source)
        assert one.target is not None
        assert other.target is not None
        assert torch.equal(one.target, other.target)


def kept_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.rglob("*.pixels")}


def eight_bits(tmp_path: Path, write: Write) -> tuple[Path, dict[str, Any]]:
    return tmp_path / "pairs", {}


def lightness(tmp_path: Path, write: Write) -> tuple[Path, dict[str, Any]]:
    return tmp_path / "pairs", {"task": "gray2rgb"}


def three_equal_channels(tmp_path: Path, write: Write) -> tuple[Path, dict[str, Any]]:
    for name in NAMES:
        grey = np.random.default_rng(int(name)).integers(0, 256, (24, 32, 1), np.uint8)
        write(tmp_path / "pairs" / "nir" / f"{name}.png", np.repeat(grey, 3, axis=2))
    return tmp_path / "pairs", {}


def bands_of_twelve_bits(tmp_path: Path, write: Write) -> tuple[Path, dict[str, Any]]:
    for name in NAMES:
        (tmp_path / "pairs" / "nir" / f"{name}.png").unlink()
        bands = np.random.default_rng(int(name)).integers(0, 4096, (24, 32, 5), np.uint16)
        tifffile.imwrite(
            tmp_path / "pairs" / "nir" / f"{name}.tif", bands, photometric="minisblack", planarconfig="contig"
        )
    return tmp_path / "pairs", {"band": 2, "full_scale": 4095.0}


def halves(tmp_path: Path, write: Write) -> tuple[Path, dict[str, Any]]:
    for name in NAMES:
        colour = np.random.default_rng(int(name)).integers(0, 256, (24, 24, 3), np.uint8)
        write(tmp_path / "halves" / f"{name}.png", np.hstack([np.repeat(colour[..., :1], 3, axis=2), colour]))
    return tmp_path / "halves", {}


def shards(tmp_path: Path, write: Write) -> tuple[Path, dict[str, Any]]:
    pytest.importorskip("webdataset")
    from nirgan.data.shards.write import write_shards

    write_shards(str(tmp_path / "pairs"), tmp_path / "shards")
    return tmp_path / "shards", {}


@pytest.mark.parametrize(
    "made",
    [eight_bits, lightness, three_equal_channels, bands_of_twelve_bits, halves, shards],
    ids=lambda m: m.__name__,
)
def test_crops_are_the_same_and_nothing_is_decoded_twice(
    folder: Path, tmp_path: Path, write: Write, made: Callable[..., Any], no_reading: Callable[[], None]
) -> None:
    place, options = made(tmp_path, write)
    plain = crops(training_set(place, None, **options))
    assert_same(crops(training_set(place, DiskCache(tmp_path / "cache", 10), **options)), plain)
    assert len(kept_in(tmp_path / "cache")) == (8 if made is lightness else 16)
    later = training_set(place, DiskCache(tmp_path / "cache", 10), **options)
    no_reading()
    assert_same(crops(later), plain)


def test_what_changed_is_decoded_again(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    crops(training_set(folder, DiskCache(cache, 10)))
    (folder / "nir" / "03.png").write_bytes((folder / "nir" / "04.png").read_bytes())
    os.utime(folder / "nir" / "03.png", (4e9, 4e9))  # a clock has ticks, and this test is fast
    for options in ({}, {"full_scale": 200.0}, {"task": "gray2rgb"}):
        plain = crops(training_set(folder, None, **options))
        assert_same(crops(training_set(folder, DiskCache(cache, 10), **options)), plain)
    # 16; the changed one; all with the other scale, which is one of the 8-bit targets, too; the targets as lightness
    assert len(kept_in(cache)) == 16 + 1 + 16 + 8


def test_the_limit_is_kept_and_said_once(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    limit = 2 * SOURCE + TARGET + 100
    disk = DiskCache(tmp_path / "cache", limit / MIB)
    with caplog.at_level(logging.WARNING):
        assert_same(crops(training_set(folder, disk)), crops(training_set(folder, None)))
    assert sorted(kept_in(tmp_path / "cache").values()) == [SOURCE, SOURCE, TARGET]
    assert len(caplog.records) == 1
    assert "dataset.disk_cache_mb" in caplog.text
    again = DiskCache(tmp_path / "cache", limit / MIB)  # another run finds the folder as full
    crops(training_set(folder, again))
    assert len(kept_in(tmp_path / "cache")) == 3


def served(training: TrainingSet, workers: int) -> list[dict[str, Any]]:
    plan = StepPlan(sources=8, targets=8, batch_size=1)
    return list(
        make_loader(training, plan, rank=0, start_step=0, stop_step=16, view=lambda step: "image", workers=workers)
    )


@pytest.mark.parametrize("fits", [16, 5])
def test_processes_that_write_at_once_keep_each_picture_once_within_the_limit(
    folder: Path, tmp_path: Path, fits: int
) -> None:
    limit = 8 * (SOURCE + TARGET) if fits == 16 else 3 * SOURCE + 2 * TARGET
    disk = DiskCache(tmp_path / "cache", limit / MIB)
    plain = served(training_set(folder, None), workers=0)
    for ours, theirs in zip(served(training_set(folder, disk), workers=3), plain, strict=True):
        assert torch.equal(ours["source"], theirs["source"])
        assert torch.equal(ours["target"], theirs["target"])
    kept = kept_in(tmp_path / "cache")
    assert 4 <= len(kept) <= fits
    assert sum(kept.values()) <= limit
    assert int((tmp_path / "cache" / "used.txt").read_text()) == sum(kept.values())
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_what_a_killed_process_left_does_no_harm(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    plain = crops(training_set(folder, None))
    crops(training_set(folder, DiskCache(cache, 10)))
    files = sorted(cache.rglob("*.pixels"))
    files[0].write_bytes(files[0].read_bytes()[:4500])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"noise" * 1000)
    files[3].with_name(f"{files[3].name}.part").write_bytes(b"half")
    (cache / "used.txt").write_text("")
    disk = DiskCache(cache, 10)
    assert not list(cache.rglob("*.part"))
    assert int((cache / "used.txt").read_text()) == sum(kept_in(cache).values())
    assert_same(crops(training_set(folder, disk)), plain)
    assert sorted(kept_in(cache).values()) == sorted([SOURCE, TARGET] * 8)


def test_what_another_version_kept_is_removed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    old = cache / "pixels-1-0.0.1" / "ab" / "old.pixels"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old" * MIB)
    (cache / "used.txt").write_text(str(3 * MIB))
    (cache / "mine.txt").write_text("mine")
    crops(training_set(folder, DiskCache(cache, 1)))
    assert not old.exists()
    assert (cache / "mine.txt").exists()
    assert len(kept_in(cache)) == 16
    assert int((cache / "used.txt").read_text()) == sum(kept_in(cache).values())


def test_what_is_too_large_is_refused_with_the_cache_too(folder: Path, tmp_path: Path) -> None:
    crops(training_set(folder, DiskCache(tmp_path / "cache", 10)))
    strict = training_set(folder, DiskCache(tmp_path / "cache", 10))
    strict.data.max_pixels = 100
    with pytest.raises(NirganError, match="none of the 8 training pictures can be read"):
        crops(strict)


def test_one_process_of_a_run_counts(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    crops(training_set(folder, DiskCache(cache, 10)))
    counted = (cache / "used.txt").read_text()
    (cache / "used.txt").write_text("7")
    DiskCache(cache, 10, tidy=False)
    assert (cache / "used.txt").read_text() == "7"
    DiskCache(cache, 10)
    assert (cache / "used.txt").read_text() == counted


def test_a_folder_that_is_locked_for_a_while_is_used_later(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk_module, "_PATIENCE_S", 0.0)
    disk, plain = DiskCache(tmp_path / "cache", 10), crops(training_set(folder, None))
    with FileLock(tmp_path / "cache" / ".lock"):
        assert_same(crops(training_set(folder, disk)), plain)
    assert kept_in(tmp_path / "cache") == {}
    assert not list(tmp_path.rglob("*.part"))
    crops(training_set(folder, disk))
    assert len(kept_in(tmp_path / "cache")) == 16
    assert caplog.records == []


def test_a_folder_that_is_always_locked_is_given_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk_module, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(disk_module, "_REFUSALS", 5)
    disk = DiskCache(tmp_path / "cache", 10)
    with FileLock(tmp_path / "cache" / ".lock"), caplog.at_level(logging.WARNING):
        crops(training_set(folder, disk))
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'cache'}: is always locked by another process; pictures that are not in it are decoded each time"
    ]


def test_a_run_that_begins_may_take_away_what_another_is_writing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk, plain = DiskCache(tmp_path / "cache", 10), crops(training_set(folder, None))
    header, begun = disk_module._header, []

    def begin(prepared: Prepared) -> bytes:
        if not begun:
            begun.append(DiskCache(tmp_path / "cache", 10))
        return header(prepared)

    monkeypatch.setattr(disk_module, "_header", begin)
    assert_same(crops(training_set(folder, disk)), plain)
    assert caplog.records == []
    assert int((tmp_path / "cache" / "used.txt").read_text()) == sum(kept_in(tmp_path / "cache").values())


def test_a_full_disk_is_said_once_and_files_are_decoded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(prepared: Prepared) -> bytes:
        raise OSError(28, "No space left on device")

    disk = DiskCache(tmp_path / "cache", 10)
    monkeypatch.setattr(disk_module, "_header", full)
    with caplog.at_level(logging.WARNING):
        assert_same(crops(training_set(folder, disk)), crops(training_set(folder, None)))
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'cache'}: cannot be written (No space left on device); pictures that are not in it are decoded "
        "each time"
    ]
    assert kept_in(tmp_path / "cache") == {}
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_folder_that_cannot_be_made_is_said_once(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        disk = DiskCache(tmp_path / "file" / "cache", 10)
        assert_same(crops(training_set(folder, disk)), crops(training_set(folder, None)))
    assert len(caplog.records) == 1


def test_built_in_scenes_are_not_kept(tmp_path: Path) -> None:
    data = open_data([], task="nir2rgb")
    made = Prepared(Picture(np.zeros((2, 2, 1), np.uint8)), 255.0)
    assert DiskCache(tmp_path, 10).prepared(data, data.records()[0], "source", lambda: made) is made
    assert kept_in(tmp_path) == {}


# Memory


def resident_files() -> int:
    """Bytes of mapped files that this process has touched."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile:")), 0)


def test_a_crop_touches_only_the_pages_it_needs(tmp_path: Path, write: Write) -> None:
    side = 3000
    write(tmp_path / "pairs" / "nir" / "a.png", np.zeros((side, side), np.uint8))
    write(tmp_path / "pairs" / "rgb" / "a.png", np.zeros((side, side, 3), np.uint8))
    data = open_data([str(tmp_path / "pairs")], task="nir2rgb", val_share=0, test_share=0)
    record, disk = data.records()[0], DiskCache(tmp_path / "cache", 100)
    made = Prepared(Picture(np.zeros((side, side, 1), np.uint8), 255.0), 255.0)
    disk.prepared(data, record, "source", lambda: made)
    kept = disk.prepared(data, record, "source", lambda: pytest.fail("was not kept"))
    before = resident_files()
    assert kept.picture.pixels[1000:1064, 1000:1064].sum() == 0
    crop = resident_files() - before
    assert kept.picture.pixels.sum() == 0
    if resident_files() - before < 0.8 * side**2:
        pytest.skip("this system does not count the pages of mapped files")
    assert crop < 0.3 * side**2


def test_memory_keeps_copies_of_mapped_pictures() -> None:
    mapped = np.frombuffer(bytes(12), np.uint8).reshape(2, 2, 3)
    cache = PictureCache(1)
    kept = cache.get("key", lambda: Picture(mapped))
    assert kept.pixels.flags.owndata
    assert cache.used_bytes == 12
    assert PictureCache(0).get("key", lambda: Picture(mapped)).pixels is mapped


@pytest.mark.parametrize("on_disk", [False, True])
def test_training_never_holds_a_whole_set_in_memory(tmp_path: Path, write_pairs, on_disk: bool) -> None:
    names = [f"{number:03d}" for number in range(80)]
    folder = write_pairs(tmp_path / "pairs", names, height=256, width=256)
    data = open_data([str(folder)], task="nir2rgb", val_share=0, test_share=0)
    disk = DiskCache(tmp_path / "cache", 100) if on_disk else None
    training = TrainingSet(data, crop=64, augment=Augmentation(), seed=0, cache_mb=1, disk=disk)
    training[SampleKey("image", 0, 0, 0)]  # what is loaded on first use is no part of it
    tracemalloc.start()
    try:
        for epoch in range(2):
            for index in range(80):
                training[SampleKey("image", epoch, index, index)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    whole = 80 * 256 * 256 * 4
    assert training._cache.used_bytes <= MIB
    assert peak < whole / 2
