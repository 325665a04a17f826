"""Crops and augmentation: what is shared, what is not, and what happens to broken files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from nirgan.config.schema import Augmentation
from nirgan.data import Pairing, SampleKey, TrainingSet, open_data
from nirgan.data.convert import to_source
from nirgan.data.files import read_picture
from nirgan.errors import NirganError

Write = Callable[[Path, np.ndarray], None]

PLAIN = Augmentation(flip=0.0)
EVERYTHING = Augmentation(flip=0.5, rotate90=True, scale=0.3)


@pytest.fixture
def pairs(tmp_path: Path, write_pairs) -> Path:
    return write_pairs(tmp_path / "pairs", [f"{i:02d}" for i in range(8)])


def training_set(
    folder: Path, augment: Augmentation = EVERYTHING, pairing: str | None = None, **options
) -> TrainingSet:
    options = {"crop": 16, "seed": 0, "cache_mb": 8} | options
    task = options.pop("task", "nir2rgb")
    data = open_data([str(folder)], task=task, pairing=pairing, val_share=0, test_share=0)
    return TrainingSet(data, augment=augment, **options)


def image(index: int, epoch: int = 0) -> SampleKey:
    return SampleKey("image", epoch, index, index)


def unpaired(source: int, target: int, epoch: int = 0) -> SampleKey:
    return SampleKey("unpaired", epoch, source, target)


def test_a_registered_pair_is_changed_alike(pairs: Path) -> None:
    training = training_set(pairs)
    for epoch in range(10):
        sample = training[image(3, epoch)]
        assert sample.source.shape == (1, 16, 16)
        assert sample.target is not None
        # The source file is the target's green channel; resizing rounds differently in the last bits.
        assert torch.allclose(sample.source[0], sample.target[1], atol=1e-6)


def test_unpaired_sides_are_cut_and_flipped_apart(pairs: Path) -> None:
    training = training_set(pairs, Augmentation(flip=0.5))
    alike = [torch.equal(s.source[0], s.target[1]) for s in (training[unpaired(2, 2, epoch)] for epoch in range(20))]  # type: ignore[index]
    assert sum(alike) <= 1
    assert training[unpaired(2, 5)].pairing == Pairing.UNPAIRED


def test_a_sample_is_fixed_by_its_key_and_the_seed(pairs: Path) -> None:
    noisy = Augmentation(rotate90=True, scale=0.2, brightness=0.2, gamma=0.2, noise=0.05)
    first, second = training_set(pairs, noisy), training_set(pairs, noisy, cache_mb=0)
    second[image(5)]
    for key in (image(0), image(4, 7), unpaired(1, 6)):
        a, b = first[key], second[key]
        assert torch.equal(a.source, b.source)
        assert torch.equal(a.target, b.target)  # type: ignore[arg-type]
    other = training_set(pairs, noisy, seed=1)
    assert not torch.equal(first[image(0)].source, other[image(0)].source)


def test_crops_differ_between_epochs_and_samples(tmp_path: Path, write: Write) -> None:
    ramp = np.add.outer(np.arange(100), np.arange(100)).astype(np.uint8)
    for name in ("a", "b"):  # equal pictures, so that only the random choices can differ
        write(tmp_path / "nir" / f"{name}.png", ramp)
        write(tmp_path / "rgb" / f"{name}.png", np.dstack([ramp] * 3))
    training = training_set(tmp_path, PLAIN)
    corners = [float(training[image(index, epoch)].source[0, 0, 0]) for epoch in range(10) for index in (0, 1)]
    assert len(set(corners)) > 12


def test_photometry_leaves_the_target_alone(pairs: Path) -> None:
    plain = training_set(pairs, PLAIN)
    changed = training_set(pairs, Augmentation(flip=0.0, brightness=0.4, gamma=0.4, noise=0.1))
    a, b = plain[image(1)], changed[image(1)]
    assert torch.equal(a.target, b.target)  # type: ignore[arg-type]
    assert not torch.allclose(a.source, b.source, atol=0.01)
    assert b.source.min() >= 0
    assert b.source.max() <= 1


def test_brightness_factors_fill_their_range(tmp_path: Path, write: Write) -> None:
    for name in range(4):
        write(tmp_path / "nir" / f"{name}.png", np.full((16, 16), 102, np.uint8))
        write(tmp_path / "rgb" / f"{name}.png", np.zeros((16, 16, 3), np.uint8))
    training = training_set(tmp_path, Augmentation(brightness=0.25))
    factors = [float(training[image(0, epoch)].source.mean()) / 0.4 for epoch in range(100)]
    assert 0.75 <= min(factors) < 0.78
    assert 1.22 < max(factors) <= 1.2501


def test_flip_and_rotation_are_independent(tmp_path: Path, write: Write) -> None:
    corner = np.zeros((16, 16), np.uint8)
    corner[0, :8] = 255
    write(tmp_path / "nir" / "a.png", corner)
    write(tmp_path / "rgb" / "a.png", np.dstack([corner] * 3))
    training = training_set(tmp_path, Augmentation(flip=0.5, rotate90=True))
    seen = {tuple(training[image(0, epoch)].source.flatten().tolist()) for epoch in range(80)}
    assert len(seen) == 8  # all four rotations, each mirrored and not


def test_unregistered_pairs_are_cut_at_the_same_relative_place(tmp_path: Path, write: Write) -> None:
    x = np.linspace(0, 255, 128).round().astype(np.uint8)
    write(tmp_path / "nir" / "a.png", np.tile(x, (128, 1)))
    write(tmp_path / "rgb" / "a.png", np.dstack([np.tile(x[::2], (64, 1))] * 3))
    training = training_set(tmp_path, PLAIN, pairing="unregistered", crop=8)
    for epoch in range(20):
        sample = training[image(0, epoch)]
        # Left edges at shares u of (128 - 8) and (64 - 8): on the ramp they differ by 8/64 - 8/128 of it at most.
        assert abs(float(sample.source[0, 0, 0]) - float(sample.target[0, 0, 0])) < 0.08  # type: ignore[index]


def test_gray2rgb_source_is_the_lightness_of_the_cropped_target(pairs: Path) -> None:
    from nirgan.color import lightness

    sample = training_set(pairs, EVERYTHING, task="gray2rgb")[image(2)]
    assert sample.target is not None
    assert torch.allclose(sample.source, lightness(sample.target), atol=1e-6)


def test_crops_of_three_channel_sources_equal_the_whole_source(tmp_path: Path, write: Write) -> None:
    # A corner of this picture differs between channels, the whole hardly does: crops must not be judged apart.
    grey = np.random.default_rng(0).integers(80, 256, (200, 200, 1), dtype=np.uint8)
    nir = np.repeat(grey, 3, axis=2)
    nir[:16, :16, 0] = 0
    write(tmp_path / "nir" / "a.png", nir)
    write(tmp_path / "rgb" / "a.png", nir)
    training = training_set(tmp_path, PLAIN)
    whole = training.data.sample(training.sources[0]).source.unfold(1, 16, 1).unfold(2, 16, 1)[0]
    for epoch in range(5):
        crop = training[image(0, epoch)].source
        assert (whole == crop).all(dim=(-1, -2)).any()


@pytest.mark.parametrize("band", [None, 2])
def test_a_given_full_scale_holds_for_crops(tmp_path: Path, write: Write, band: int | None) -> None:
    levels = np.random.default_rng(0).integers(0, 5000, (32, 32, 1), dtype=np.uint16)
    write(tmp_path / "nir" / "a.png", np.repeat(levels, 3, axis=2))
    write(tmp_path / "rgb" / "a.png", np.zeros((32, 32, 3), np.uint8))
    data = open_data([str(tmp_path)], task="nir2rgb", full_scale=4095, band=band, val_share=0, test_share=0)
    sample = TrainingSet(data, crop=32, augment=PLAIN, seed=0, cache_mb=1)[image(0)]
    assert sample.full_scale == 4095
    assert np.allclose(sample.source[0], np.minimum(levels[..., 0] / 4095, 1), atol=1e-6)
    assert torch.equal(sample.source, data.sample(data.records()[0]).source)


@pytest.mark.parametrize("full_scale", [4096.0, 100.5])
def test_a_full_scale_beside_the_files_type_holds_for_crops(pairs: Path, full_scale: float) -> None:
    data = open_data([str(pairs)], task="nir2rgb", full_scale=full_scale, val_share=0, test_share=0)
    training = TrainingSet(data, crop=24, augment=PLAIN, seed=0, cache_mb=1)
    whole = data.sample(data.records()[1]).source
    crop = training[image(1)].source
    assert any(torch.equal(whole[:, :, left : left + 24], crop) for left in range(9))


@pytest.mark.parametrize("eight_bit", [False, True])
def test_a_given_full_scale_holds_for_the_truth_where_its_type_can_mean_it(
    tmp_path: Path, write: Write, eight_bit: bool
) -> None:
    levels = np.random.default_rng(0).integers(0, 4096, (32, 32, 3), dtype=np.uint16)
    truth = (levels >> 4).astype(np.uint8) if eight_bit else levels
    write(tmp_path / "nir" / "a.png", levels[..., 0])
    write(tmp_path / "rgb" / "a.png", truth)
    data = open_data([str(tmp_path)], task="nir2rgb", full_scale=4095, val_share=0, test_share=0)
    crop = TrainingSet(data, crop=32, augment=PLAIN, seed=0, cache_mb=1)[image(0)]
    whole = data.sample(data.records()[0])
    assert crop.target is not None
    assert whole.target is not None
    assert np.allclose(crop.target.permute(1, 2, 0), truth / (255 if eight_bit else 4095), atol=1e-6)
    assert np.allclose(crop.source[0], levels[..., 0] / 4095, atol=1e-6)
    assert torch.equal(crop.target, whole.target)
    assert torch.equal(crop.source, whole.source)


def test_gray2rgb_takes_a_given_full_scale_as_translation_does(tmp_path: Path, write: Write) -> None:
    levels = np.random.default_rng(0).integers(0, 1024, (32, 32, 3), dtype=np.uint16)
    write(tmp_path / "a.png", levels)
    data = open_data([str(tmp_path)], task="gray2rgb", full_scale=1023, val_share=0, test_share=0)
    crop = TrainingSet(data, crop=32, augment=PLAIN, seed=0, cache_mb=1)[image(0)]
    translated = to_source(read_picture(tmp_path / "a.png"), "gray2rgb", full_scale=1023, path=tmp_path / "a.png")
    assert np.allclose(crop.source, translated, atol=1e-6)
    assert float(crop.source.max()) > 0.9
    assert torch.equal(crop.source, data.sample(data.records()[0]).source)
    unpaired = TrainingSet(data, crop=32, augment=PLAIN, seed=0, cache_mb=1)[SampleKey("unpaired", 0, 0, 0)]
    assert torch.equal(unpaired.source, crop.source)


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_full_scale_of_weights_holds_where_nobody_says_better(tmp_path: Path, write: Write, task: str) -> None:
    levels = np.random.default_rng(0).integers(0, 4096, (16, 16, 3), dtype=np.uint16)
    write(tmp_path / "nir" / "a.png", levels[..., 0])
    write(tmp_path / "rgb" / "a.png", levels)
    data = open_data([str(tmp_path)], task=task, val_share=0, test_share=0)  # type: ignore[arg-type]
    record = data.records()[0]
    data.weights_full_scale = 4095.0
    by_weights = data.sample(record).source
    data.full_scale, data.weights_full_scale = 4095.0, None
    assert torch.equal(by_weights, data.sample(record).source)
    data.full_scale, data.weights_full_scale = 65535.0, 4095.0
    assert float(data.sample(record).source.max()) < 0.6  # L* of 1/16 is 30


def test_crops_of_bright_float_truths_are_judged_by_the_whole_picture(tmp_path: Path) -> None:
    # A corner lies above white, the whole hardly does: its crops must not be refused in the middle of training.
    truth = np.full((64, 64, 3), 0.5, np.float32)
    truth[:16, :16] = 3
    for side, pixels in (("nir", truth[..., 0]), ("rgb", truth)):
        (tmp_path / side).mkdir()
        tifffile.imwrite(tmp_path / side / "a.tif", pixels)
    training = training_set(tmp_path, PLAIN, crop=8)
    seen = [training[image(0, epoch)].target for epoch in range(60)]
    assert {float(target.max()) for target in seen if target is not None} == {0.5, 1.0}


@pytest.mark.parametrize("bands", [5, 9])
def test_many_bands_can_be_scaled_and_changed(tmp_path: Path, bands: int) -> None:
    ramp = np.linspace(0, 200, 64).astype(np.uint8)
    nir = np.stack([np.tile(ramp + 5 * band, (64, 1)) for band in range(bands)], axis=2)
    (tmp_path / "nir").mkdir()
    (tmp_path / "rgb").mkdir()
    tifffile.imwrite(tmp_path / "nir" / "a.tif", nir, photometric="minisblack", planarconfig="contig")
    tifffile.imwrite(tmp_path / "rgb" / "a.tif", nir[..., :3], photometric="rgb")
    training = training_set(tmp_path, Augmentation(flip=0.5, rotate90=True, scale=0.3), crop=32)
    for epoch in range(20):
        sample = training[image(0, epoch)]
        assert sample.target is not None
        assert sample.source.shape == (bands, 32, 32)
        assert torch.allclose(sample.source[:3], sample.target, atol=1e-5)
        steps = (sample.source[1:] - sample.source[:-1]) * 255
        assert torch.allclose(steps, torch.full_like(steps, 5), atol=1e-3)
    changed = training_set(tmp_path, Augmentation(brightness=0.2, gamma=0.2, noise=0.02, scale=0.3), crop=32)
    assert changed[image(0)].source.shape == (bands, 32, 32)


def test_16_bit_values_survive(tmp_path: Path, write: Write) -> None:
    nir = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) * 61 + 7
    write(tmp_path / "nir" / "a.png", nir)
    write(tmp_path / "rgb" / "a.png", np.zeros((32, 32, 3), np.uint8))
    crop = training_set(tmp_path, PLAIN, crop=32)[image(0)].source
    assert np.array_equal(np.rint(crop[0].numpy().astype(np.float64) * 65535), nir)


def test_a_broken_file_is_replaced_by_the_next_and_named(pairs: Path) -> None:
    (pairs / "rgb" / "03.png").write_bytes(b"not a picture")
    training = training_set(pairs, PLAIN)
    sample = training[image(3)]
    assert sample.key == "pairs/04"
    failed = training.take_failed()
    assert len(failed) == 1
    assert "rgb/03.png" in failed[0]
    assert training.take_failed() == []


def test_nothing_readable_is_an_error(pairs: Path) -> None:
    training = training_set(pairs, PLAIN)
    for file in (pairs / "nir").iterdir():
        file.write_bytes(b"broken")
    with pytest.raises(NirganError, match="none of the 8 training pictures can be read"):
        training[image(0)]


def test_pictures_smaller_than_the_crop_are_refused_with_a_crop_that_works(pairs: Path) -> None:
    with pytest.raises(NirganError, match=r"8 training pictures are smaller.*32×24.*--crop 16"):
        training_set(pairs, crop=32)


def test_with_a_training_size_small_pictures_are_enlarged_as_prediction_does(tmp_path: Path, write: Write) -> None:
    ramp = np.repeat(10 * np.arange(12, dtype=np.uint8)[:, None], 20, axis=1)  # 10 levels a row
    write(tmp_path / "a.png", np.dstack([ramp] * 3))
    write(tmp_path / "dot.png", np.full((1, 1, 3), 77, np.uint8))
    training = training_set(tmp_path, PLAIN, task="gray2rgb", training_size=24)
    crop, dot = (training[image(index)].target for index in (0, 1))
    assert crop is not None
    assert dot is not None
    assert crop.shape == dot.shape == (3, 16, 16)
    # 16 rows of a picture of 24 are 8 of these 12; enlarging repeats the border.
    assert 255 * crop[0, 1:15].diff(dim=0).numpy() == pytest.approx(5, abs=1e-3)
    assert 255 * dot.numpy() == pytest.approx(77)


def test_larger_crops_than_the_training_size_are_whole_pictures(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    training = training_set(tmp_path, PLAIN, task="gray2rgb", training_size=12)
    crops = [training[image(0, epoch)].target for epoch in range(3)]
    assert all(torch.equal(crop, crops[0]) for crop in crops)  # type: ignore[arg-type]


def test_registered_pairs_of_two_sizes_are_refused(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "a", ["x"])
    (folder / "nir" / "x.png").write_bytes(
        (write_pairs(tmp_path / "b", ["x"], width=20) / "nir" / "x.png").read_bytes()
    )
    with pytest.raises(NirganError, match=r"1 registered pair of two sizes, first: a/x \(20×24 and 32×24\)"):
        training_set(folder)
    assert training_set(folder, pairing="unregistered")[image(0)].source.shape == (1, 16, 16)


def test_the_cache_keeps_to_its_limit_and_travels_empty(pairs: Path) -> None:
    training = training_set(pairs, PLAIN, cache_mb=5000 / 2**20)
    for index in range(8):
        training[image(index)]
    assert 0 < training._cache.used_bytes <= 5000
    assert len(pickle.loads(pickle.dumps(training))._cache) == 0
    training.share_cache(4)
    assert training._cache.limit_bytes == 1250


def test_an_empty_split_is_refused(pairs: Path) -> None:
    data = open_data([str(pairs)], task="nir2rgb", val_share=0, test_share=0)
    with pytest.raises(NirganError, match="'val' holds no source"):
        TrainingSet(data, crop=16, augment=PLAIN, seed=0, cache_mb=0, split="val")


def test_a_long_look_at_sizes_says_how_far_it_is(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    training_set(pairs)
    assert caplog.messages == []
    clock = iter(range(0, 1000, 3))  # seconds: a look at a file takes some
    monkeypatch.setattr("nirgan.data.told.time.monotonic", lambda: next(clock))
    training_set(pairs)
    told = [words for words in caplog.messages if words.startswith("reading the sizes of pictures: ")]
    assert told[0].endswith(" of 8")
    assert 1 < len(told) < 8


def test_views_that_the_data_cannot_serve_are_refused(pairs: Path) -> None:
    with pytest.raises(NirganError, match="view 'image' needs pairs"):
        training_set(pairs, pairing="unpaired")[image(0)]
    with pytest.raises(NirganError, match="view 'clip'"):
        training_set(pairs)[SampleKey("clip", 0, 0, 0)]


@pytest.mark.parametrize(("training_size", "step"), [(None, 4), (32, 8), (64, 4), (128, 2)])
def test_crops_are_of_the_scale_at_which_a_recipe_learns(
    training_size: int | None, step: int, tmp_path: Path, write: Write
) -> None:
    ramp = np.repeat(4 * np.arange(64, dtype=np.uint8)[:, None], 64, axis=1)  # 4 levels a row
    write(tmp_path / "nir" / "a.png", ramp)
    write(tmp_path / "rgb" / "a.png", np.dstack([ramp] * 3))
    crop = training_set(tmp_path, PLAIN, training_size=training_size)[image(0)]
    assert crop.source.shape == (1, 16, 16)
    inner = 255 * crop.source[0, 4:12, 0].diff()  # enlarging repeats the border
    assert inner.numpy() == pytest.approx(step, abs=1e-3)
