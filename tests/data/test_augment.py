"""What augmentation does to sources: laws worked out by hand, bounds, and that the truth is never touched."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from nirgan.config import check
from nirgan.config.schema import Augmentation
from nirgan.data import SampleKey, TrainingSet, open_data
from nirgan.data.augment import Augment, geometry_alone
from nirgan.errors import NirganError

CAMERA = {
    "blur": 2.0,
    "vignetting": 0.8,
    "brightness": 0.5,
    "contrast": 0.5,
    "gamma": 0.5,
    "shot_noise": 0.05,
    "row_noise": 0.1,
    "noise": 0.1,
}
"""Every change to the source, strong."""


def changed(picture: np.ndarray, seed: int = 0, **settings: float) -> np.ndarray:
    augment = Augment(Augmentation(flip=0.0, **settings))  # type: ignore[arg-type]
    return augment.photometry(picture.astype(np.float32), np.random.default_rng(seed))


def test_nothing_changes_a_source_unless_asked_for() -> None:
    picture = np.random.default_rng(1).random((9, 9, 1), dtype=np.float32)
    assert np.array_equal(Augment(Augmentation()).photometry(picture, np.random.default_rng(0)), picture)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 9])
def test_any_channels_stay_float32_within_0_and_1(channels: int) -> None:
    ends = np.random.default_rng(2).integers(0, 2, (24, 24, channels)).astype(np.float32)  # 0 and 1 alone
    for seed in range(5):
        result = changed(ends, seed, **CAMERA)
        assert (result.dtype, result.shape) == (np.float32, ends.shape)
        assert result.min() >= 0
        assert result.max() <= 1
        assert np.isfinite(result).all()


@pytest.mark.parametrize("setting", CAMERA)
def test_each_setting_changes_the_source_by_its_generator_alone(setting: str) -> None:
    picture = np.random.default_rng(3).random((16, 16, 2), dtype=np.float32) * 0.8 + 0.1
    strength = {setting: CAMERA[setting]}
    first, again, other = (
        changed(picture, 1, **strength),
        changed(picture, 1, **strength),
        changed(picture, 2, **strength),
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, picture)
    assert not np.array_equal(first, other)


def test_visible_light_is_the_targets_grey_by_any_weights() -> None:
    source = np.full((2, 2, 2), 0.5, np.float32)
    target = np.zeros((2, 2, 3), np.float32)
    target[0, 0], target[0, 1], target[1, 0] = (1, 0, 0), (0, 1, 0), (0, 0, 1)  # and one black
    leaks = []
    for seed in range(400):
        mixed = Augment(Augmentation(visible=0.6)).leak(source, target, np.random.default_rng(seed))
        assert (mixed.dtype, mixed.shape) == (np.float32, source.shape)
        assert np.array_equal(mixed[..., 0], mixed[..., 1])
        share = 1 - mixed[1, 1, 0] / 0.5  # black takes that part of the source
        leaks.append([share, *((mixed[place][0] - mixed[1, 1, 0]) / share for place in ((0, 0), (0, 1), (1, 0)))])
    shares, weights = np.array(leaks)[:, 0], np.array(leaks)[:, 1:]
    assert 0 <= shares.min() < 0.02
    assert 0.58 < shares.max() <= 0.6
    assert weights.sum(axis=1) == pytest.approx(np.ones(400), abs=1e-4)
    # Any weights are as likely as any others, so each has the mean 1/3 and the variance 1/18.
    assert weights.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.04)
    assert weights.var(axis=0) == pytest.approx([1 / 18] * 3, abs=0.015)


def test_a_tight_filter_leaves_the_source_as_it_is() -> None:
    source, target = np.random.default_rng(0).random((2, 4, 4, 3), dtype=np.float32)
    assert Augment(Augmentation()).leak(source, target, np.random.default_rng(0)) is source


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
@pytest.mark.parametrize("pairing", ["registered", "unregistered"])
@pytest.mark.parametrize("view", ["image", "unpaired"])
def test_visible_light_comes_from_the_place_under_the_source_or_not_at_all(
    tmp_path: Path, write_pairs, task: str, pairing: str, view: str
) -> None:
    folder = write_pairs(tmp_path / "pairs", ["0", "1", "2", "3"])
    data = open_data([str(folder)], task=task, pairing=pairing, val_share=0, test_share=0)  # type: ignore[arg-type]
    plain, leaky = (
        TrainingSet(data, crop=16, augment=Augmentation(scale=0.2, visible=visible), seed=0, cache_mb=1)
        for visible in (0.0, 0.8)
    )
    key = SampleKey(view, 3, 1, 1)
    if view == "unpaired" or (task, pairing) == ("nir2rgb", "unregistered"):
        with pytest.raises(NirganError, match=r"dataset\.augment\.visible .* registered pairs .* set it to 0"):
            leaky[key]
        return
    before, after = plain[key], leaky[key]
    assert before.target is not None
    assert torch.equal(before.target, after.target)  # type: ignore[arg-type]
    assert torch.equal(leaky[key].source, after.source)
    assert not torch.allclose(before.source, after.source, atol=0.01)
    # What was added, and the source, are a mixture of four pictures: of three weights and one share nothing is left.
    mixed = torch.cat([before.source, before.target]).flatten(1).T.double()
    found = torch.linalg.lstsq(mixed, after.source.flatten().double()[:, None])
    assert float((mixed @ found.solution - after.source.flatten().double()[:, None]).abs().max()) < 1e-5
    assert float(found.solution.sum()) == pytest.approx(1, abs=1e-4)


def test_vignetting_falls_by_the_fourth_power_of_a_cosine() -> None:
    picture = np.full((21, 33, 2), 0.5, np.float32)
    result = changed(picture, 7, vignetting=0.6)
    draw = np.random.default_rng(7)
    loss, row, column = draw.uniform(0, 0.6), draw.random() * 20, draw.random() * 32
    farthest = max(math.hypot(y - row, x - column) for y in (0, 20) for x in (0, 32))
    steepest = math.acos((1 - loss) ** 0.25)  # the angle at which cos⁴ is what the farthest corner keeps
    for y, x in ((0, 0), (0, 32), (20, 0), (20, 32), (10, 16), (3, 29)):
        angle = math.atan(math.hypot(y - row, x - column) / farthest * math.tan(steepest))
        assert result[y, x] == pytest.approx([0.5 * math.cos(angle) ** 4] * 2, abs=1e-6)
    assert result.min() == pytest.approx(0.5 * (1 - loss), abs=1e-6)


def test_vignetting_of_one_pixel_takes_nothing() -> None:
    assert changed(np.full((1, 1, 1), 0.5), vignetting=0.9) == pytest.approx(0.5)


def test_noise_has_the_variance_a_times_value_plus_b() -> None:
    picture = np.full((512, 256, 1), 0.1, np.float32)
    picture[:, 128:] = 0.4
    noise = changed(picture, 0, shot_noise=0.004, noise=0.02) - picture
    dark, bright = float(noise[:, :128].var()), float(noise[:, 128:].var())
    a = (bright - dark) / 0.3
    assert a == pytest.approx(np.random.default_rng(0).uniform(0, 0.004), rel=0.06)
    assert dark - a * 0.1 == pytest.approx(0.02**2, rel=0.06)
    assert abs(float(noise.mean())) < 3e-4
    neighbours = np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.02


def test_row_noise_is_one_offset_a_row_of_each_channel() -> None:
    picture = np.full((512, 6, 2), 0.5, np.float32)
    deviations = []
    for seed in range(30):
        offsets = changed(picture, seed, row_noise=0.05) - picture
        assert np.ptp(offsets, axis=1).max() < 1e-7
        assert abs(np.corrcoef(offsets[:, 0].T)[0, 1]) < 0.25
        deviations.append(float(offsets.std()))
    # Uniform from 0 to 0.05; the deviation of 1,024 offsets is known to 2 %.
    assert max(deviations) < 0.054
    assert min(deviations) < 0.015
    assert max(deviations) > 0.035


def test_contrast_keeps_the_mean() -> None:
    picture = np.full((8, 8, 1), 0.4, np.float32)
    picture[:4] = 0.6
    factors = []
    for seed in range(50):
        result = changed(picture, seed, contrast=0.5)
        assert float(result.mean()) == pytest.approx(0.5, abs=1e-6)
        factors.append(float(result[0, 0, 0] - result[7, 0, 0]) / 0.2)
    assert 0.499 <= min(factors) < 0.7
    assert 1.3 < max(factors) <= 1.501


def test_blur_spreads_a_point_and_loses_no_light() -> None:
    point = np.zeros((65, 65, 5), np.float32)
    point[32, 32] = 1
    peaks = []
    for seed in range(10):
        result = changed(point, seed, blur=2.0)
        assert result.sum(axis=(0, 1)) == pytest.approx([1.0] * 5, abs=1e-4)
        assert not result[:24].any()  # 3.5 deviations of at most 2 pixels reach 7 pixels
        assert np.allclose(result[..., 0], result[..., 0].T, atol=1e-7)
        peaks.append(float(result[32, 32, 0]))
    assert len(set(peaks)) > 4
    assert min(peaks) > 1 / (2 * math.pi * 4) - 0.002  # the peak of the widest Gaussian


@pytest.mark.parametrize("view", ["image", "unpaired"])
@pytest.mark.parametrize("pairing", ["registered", "unregistered"])
@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_the_truth_and_the_place_of_a_crop_stay_the_same(
    tmp_path: Path, write_pairs, task: str, pairing: str, view: str
) -> None:
    folder = write_pairs(tmp_path / "pairs", ["0", "1", "2", "3"])
    data = open_data([str(folder)], task=task, pairing=pairing, val_share=0, test_share=0)  # type: ignore[arg-type]
    geometry = Augmentation(flip=0.5, rotate90=True, scale=0.2)
    settings = Augmentation(flip=0.5, rotate90=True, scale=0.2, **CAMERA)  # type: ignore[arg-type]
    assert geometry_alone(settings) == geometry
    plain, first, again = (
        TrainingSet(data, crop=16, augment=augment, seed=0, cache_mb=1) for augment in (geometry, settings, settings)
    )
    for key in (SampleKey(view, 0, 1, 1), SampleKey(view, 3, 2, 2)):
        assert torch.equal(first[key].target, plain[key].target)  # type: ignore[arg-type]
        assert torch.equal(first[key].source, again[key].source)
        assert not torch.allclose(first[key].source, plain[key].source, atol=0.01)
    sources = [first[SampleKey(view, epoch, 1, 1)].source for epoch in range(4)]
    assert len({float(source.sum()) for source in sources}) == 4


def test_a_training_set_with_everything_travels_to_workers(tmp_path: Path, write_pairs) -> None:
    data = open_data([str(write_pairs(tmp_path / "pairs", ["0", "1"]))], task="nir2rgb", val_share=0, test_share=0)
    training = TrainingSet(data, crop=16, augment=Augmentation(**CAMERA), seed=0, cache_mb=1)  # type: ignore[arg-type]
    there = pickle.loads(pickle.dumps(training))
    key = SampleKey("image", 2, 1, 1)
    assert torch.equal(there[key].source, training[key].source)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("shot_noise", 0.06),
        ("visible", 1.1),
        ("vignetting", 1.0),
        ("row_noise", -0.1),
        ("blur", 11.0),
        ("contrast", 1.0),
    ],
)
def test_strengths_that_leave_nothing_of_a_picture_are_refused(setting: str, value: float) -> None:
    with pytest.raises(NirganError, match=f"dataset.augment.{setting}"):
        check({"dataset": {"augment": {setting: value}}}, "--set")
