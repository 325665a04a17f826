"""Pairs of two cameras that do not line up: where crops are taken, what is refused, what may be done instead."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import Nirgan

from nirgan.config import resolve_config
from nirgan.config.schema import Augmentation
from nirgan.data import Pairing, Record, SampleKey, TrainingSet, open_data
from nirgan.data.sizes import may_be_compared, target_scale
from nirgan.data.window import Window
from nirgan.errors import NirganError
from nirgan.training import train

Write = Callable[[Path, np.ndarray], None]
Size = tuple[int, int]

PLAIN = Augmentation(flip=0.0)
TURNED = Augmentation(flip=0.5, rotate90=True)


def places(size: Size) -> np.ndarray:
    """(H, W, 3) uint16: red tells the relative x of each pixel's centre, green its y."""
    height, width = size
    x = np.broadcast_to((np.arange(width) + 0.5) / width, size)
    y = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], size)
    return np.rint(np.dstack([x, y, np.zeros(size)]) * 65535).astype(np.uint16)


@pytest.fixture
def cameras(tmp_path: Path, write: Write) -> Callable[..., Path]:
    """Two pairs of two sizes; the source holds its pixels' x (axis 0) or y (axis 1), the target both."""

    def make(source: Size, target: Size, axis: int = 0) -> Path:
        for name in ("a", "b"):
            write(tmp_path / "two" / "nir" / f"{name}.png", places(source)[..., axis])
            write(tmp_path / "two" / "rgb" / f"{name}.png", places(target))
        return tmp_path / "two"

    return make


def training_set(folder: Path, augment: Augmentation = PLAIN, crop: int = 16) -> TrainingSet:
    data = open_data([str(folder)], task="nir2rgb", pairing="unregistered", val_share=0, test_share=0)
    return TrainingSet(data, crop=crop, augment=augment, seed=0, cache_mb=8)


def image(epoch: int) -> SampleKey:
    return SampleKey("image", epoch, 0, 0)


def arrays(training: TrainingSet, key: SampleKey) -> tuple[np.ndarray, np.ndarray]:
    sample = training[key]
    assert sample.target is not None
    return sample.source.numpy(), sample.target.numpy()


# --- where crops are taken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "size", "other", "scale", "expected"),
    [
        # Centres (18, 28) of (48, 64) are at 0.375 and 0.4375: at (22.5, 52.5) of (60, 120), less half of 16 · 1.25.
        (Window(10, 20, 16), (48, 64), (60, 120), 1.25, Window(12, 42, 20)),
        (Window(10, 20, 16), (48, 64), (24, 32), 0.5, Window(5, 10, 8)),
        (Window(0, 0, 16), (48, 64), (48, 64), 2.0, Window(0, 0, 32)),  # the corner holds it
        (Window(32, 48, 16), (48, 64), (48, 64), 2.0, Window(16, 32, 32)),
        (Window(0, 0, 16), (48, 64), (3, 4), 0.01, Window(0, 0, 1)),  # centres at 0.5 of 3 and of 4 rows, less a half
    ],
)
def test_counterparts_worked_by_hand(window: Window, size: Size, other: Size, scale: float, expected: Window) -> None:
    assert window.seen_by(size, other, scale) == expected


@pytest.mark.parametrize("side", [1, 7, 16])
def test_cameras_of_one_size_have_the_same_window(side: int) -> None:
    for top in range(0, 49 - side, 3):
        for left in range(0, 67 - side, 5):
            assert Window(top, left, side).seen_by((49, 67), (49, 67), 1.0) == Window(top, left, side)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_target_of_twice_the_pixels_shows_the_same_part_turned_alike(cameras: Callable[..., Path], axis: int) -> None:
    training = training_set(cameras((48, 64), (96, 128), axis), TURNED)
    seen = set()
    for epoch in range(20):
        source, target = arrays(training, image(epoch))
        assert source.shape == (1, 16, 16)
        assert target.shape == (3, 16, 16)
        # The mean of two target pixels lies where the source pixel does; 16 bits round.
        assert np.abs(source[0] - target[axis]).max() < 5e-5
        seen.add(source[0, 0, 0])
    assert len(seen) > 10


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("target_size", [(24, 32), (60, 120), (48, 100), (35, 47), (200, 100)])
@pytest.mark.parametrize("augment", [PLAIN, Augmentation(flip=0.5, scale=0.3)])
def test_crops_lie_around_the_same_relative_point(
    cameras: Callable[..., Path], axis: int, target_size: Size, augment: Augmentation
) -> None:
    training = training_set(cameras((48, 64), target_size, axis), augment)
    length = target_size[1 - axis]
    for epoch in range(12):
        source, target = arrays(training, image(epoch))
        # A window starts at whole pixels: half a target pixel off, and as much again for what resizing does at borders.
        assert abs(source[0].mean() - target[axis].mean()) < 1 / length


def test_both_sides_show_the_same_share_of_what_their_cameras_see(cameras: Callable[..., Path]) -> None:
    training = training_set(cameras((96, 128), (48, 64)))
    for epoch in range(12):
        source, target = arrays(training, image(epoch))
        assert np.ptp(source[0]) == pytest.approx(15 / 128, abs=1e-4)
        assert np.ptp(target[0]) == pytest.approx(7 / 64, abs=1e-4)  # eight pixels, enlarged without inventing more


def test_pairs_of_one_size_are_cut_alike(tmp_path: Path, write_pairs) -> None:
    training = training_set(write_pairs(tmp_path / "pairs", ["a", "b"]), TURNED)
    for epoch in range(10):
        source, target = arrays(training, image(epoch))
        assert np.abs(source[0] - target[1]).max() < 1e-6  # the source file is the target's green


def test_sides_drawn_apart_keep_the_scale_of_their_cameras(cameras: Callable[..., Path]) -> None:
    training = training_set(cameras((48, 64), (96, 128)))
    apart = 0
    for epoch in range(20):
        sample = training[SampleKey("unpaired", epoch, 0, 1)]
        assert sample.target is not None
        assert sample.pairing == Pairing.UNPAIRED
        for side in (sample.source[0], sample.target[0]):
            assert float(side.max() - side.min()) == pytest.approx(15 / 64, abs=1e-4)
        apart += not torch.allclose(sample.source[0], sample.target[0], atol=1e-3)
    assert apart > 15


def test_a_crop_is_fixed_by_its_key_and_the_seed(cameras: Callable[..., Path]) -> None:
    folder = cameras((48, 64), (70, 90))
    first, second = training_set(folder, TURNED), training_set(folder, TURNED)
    second[image(5)]
    travelled = pickle.loads(pickle.dumps(second))
    for key in (image(0), image(7), SampleKey("unpaired", 1, 0, 1)):
        expected = arrays(first, key)
        for other in (second, travelled):
            assert all(np.array_equal(a, b) for a, b in zip(expected, arrays(other, key), strict=True))


# --- sizes --------------------------------------------------------------------------------------------------------


def test_the_scale_is_that_at_which_what_fits_the_source_fits_the_target(cameras: Callable[..., Path]) -> None:
    folder = cameras((48, 64), (60, 120))
    record = open_data([str(folder)], task="nir2rgb", pairing="unregistered").records()[0]
    assert target_scale(record) == 1.25
    registered = Record(record.set, record.name, record.source, record.target)
    assert target_scale(registered) == 1.0


def test_a_small_target_is_no_reason_to_refuse_and_a_small_source_is(cameras: Callable[..., Path]) -> None:
    assert arrays(training_set(cameras((40, 40), (20, 20)), crop=32), image(0))[1].shape == (3, 32, 32)
    with pytest.raises(NirganError, match=r"2 training pictures are smaller than the crop of 32.*20×20.*--crop 16"):
        training_set(cameras((20, 20), (40, 40)), crop=32)


def test_a_target_whose_partner_is_broken_is_served_apart_from_it(cameras: Callable[..., Path]) -> None:
    folder = cameras((48, 64), (96, 128))
    (folder / "nir" / "b.png").write_bytes(b"broken")
    training = training_set(folder)
    sample = training[SampleKey("unpaired", 0, 0, 1)]
    assert sample.target is not None
    assert sample.target.shape == (3, 16, 16)
    assert training.take_failed() == []
    assert training[SampleKey("image", 0, 1, 1)].key == "two/a"
    assert "b.png" in training.take_failed()[0]


def test_only_unregistered_pairs_of_two_sizes_cannot_be_compared(cameras: Callable[..., Path]) -> None:
    two_sizes = open_data([str(cameras((48, 64), (60, 120)))], task="nir2rgb", pairing="unregistered").records()[0]
    assert not may_be_compared(two_sizes)
    one_size = open_data([str(cameras((48, 64), (48, 64)))], task="nir2rgb", pairing="unregistered").records()[0]
    assert may_be_compared(one_size)
    assert one_size.source is not None
    one_size.source.write_bytes(b"broken")
    assert may_be_compared(one_size)


# --- recipes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def noise(tmp_path: Path, write: Write) -> Path:
    """Six pairs of two sizes, without a split."""
    random = np.random.default_rng(0)
    for name in range(6):
        write(tmp_path / "noise" / "nir" / f"{name}.png", random.integers(0, 256, (40, 44), dtype=np.uint8))
        write(tmp_path / "noise" / "rgb" / f"{name}.png", random.integers(0, 256, (60, 66, 3), dtype=np.uint8))
    return tmp_path / "noise"


@pytest.mark.parametrize("model", ["pix2pix", "s-shape", "sc-gan"])
def test_a_paired_recipe_stops_and_names_the_ways_out(nirgan: Nirgan, noise: Path, model: str) -> None:
    given = ("--model", model, "--preset", "tiny", "--data", noise, "--pairing", "unregistered", "--device", "cpu")
    words = nirgan("train", *given, "--steps", 1).refused
    assert words.startswith(f"{model} takes registered data, and this is unregistered")
    assert str(noise) in words
    for way in ("nirgan data align DIR --out DIR2", "--set options.registration=true", "--model asym-cyclegan"):
        assert way in words
    assert not list(Path("runs").glob("*"))


@pytest.mark.parametrize(
    "way", [("asym-cyclegan",), ("pix2pix", "--set", "options.registration=true")], ids=["cyclic", "registration"]
)
def test_the_ways_out_train_and_are_not_scored(
    nirgan: Nirgan, noise: Path, way: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model, *options = way
    given = ("--preset", "tiny", "--data", noise, "--pairing", "unregistered", "--device", "cpu", "--steps", 1)
    ended = nirgan("train", "--model", model, *options, *given, "--out", "run")
    assert ended.code == 0, ended.err
    assert "pairs of two sizes" in caplog.text
    assert "nirgan data align DIR --out DIR2" in nirgan("evaluate", "--weights", "run", "--split", "all").refused


def test_an_option_that_compares_pixels_can_be_left_out(noise: Path, tmp_path: Path) -> None:
    given = {"model": "asym-cyclegan", "preset": "tiny", "steps": 1, "data": [str(noise)], "pairing": "unregistered"}
    with pytest.raises(NirganError, match=r"data align.*registration=true.*leave out the options"):
        train(resolve_config({**given, "options": {"lambda_paired_l1": 1.0}}), out=tmp_path / "run")


def test_gray2rgb_is_offered_no_warp(noise: Path, tmp_path: Path) -> None:
    given = {"model": "pix2pix", "task": "gray2rgb", "preset": "tiny", "steps": 1, "pairing": "unregistered"}
    with pytest.raises(NirganError, match="registered in truth: --pairing registered") as refused:
        train(resolve_config({**given, "data": [str(noise)]}), out=tmp_path / "run")
    assert "align" not in str(refused.value)
    assert "registration" not in str(refused.value)
