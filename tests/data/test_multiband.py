"""Files of several bands: four of them are a pair by themselves, and `--band` chooses among any number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from nirgan.config.schema import Augmentation
from nirgan.data import Data, Pairing, SampleKey, TrainingSet, open_data
from nirgan.data.convert import chosen_band
from nirgan.data.files import Picture, picture_shape
from nirgan.data.inspect import inspect
from nirgan.data.layouts import find_layout
from nirgan.data.sizes import size_of
from nirgan.errors import NirganError

Write = Callable[[Path, np.ndarray], None]
STORED = ["contig", "separate", "pages"]
PLAIN = Augmentation(flip=0.0)


def bands_of(seed: int, dtype: type = np.uint8, count: int = 4, size: tuple[int, int] = (20, 28)) -> np.ndarray:
    """(H, W, bands) of random numbers, the whole range of the type."""
    random = np.random.default_rng(seed)
    if dtype == np.float32:
        return random.random((*size, count), dtype=np.float32)
    return random.integers(0, np.iinfo(dtype).max, (*size, count), dtype=dtype, endpoint=True)


def save(path: Path, bands: np.ndarray, stored: str = "contig", extra: str = "unspecified", colours: int = 3) -> None:
    """A TIFF of RGB (or, with 1, grey) and further bands, written by tifffile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if stored == "pages":
        with tifffile.TiffWriter(path) as file:
            for band in bands.transpose(2, 0, 1):
                file.write(band, contiguous=False)
        return
    tifffile.imwrite(
        path,
        bands if stored == "contig" else bands.transpose(2, 0, 1),
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig=stored,
        extrasamples=[extra] * (bands.shape[2] - colours),
    )


def opened(folder: Path | str, task: str = "nir2rgb", **options: object) -> Data:
    return open_data([str(folder)], task=task, **{"val_share": 0, "test_share": 0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("stored", STORED)
def test_a_file_of_four_bands_is_a_registered_pair(tmp_path: Path, stored: str, dtype: type) -> None:
    files = {name: bands_of(number, dtype) for number, name in enumerate(("fields/a", "fields/b", "c"))}
    for name, bands in files.items():
        save(tmp_path / f"{name}.tif", bands, stored)
    data = opened(tmp_path / "fields")
    assert data.pairing == Pairing.REGISTERED
    assert data.source_channels == 1
    assert data.source_band == 4
    assert data.layouts == [f"{tmp_path / 'fields'}: files of four bands, colour and near-infrared"]
    assert [record.key for record in data.pairs()] == ["fields/a", "fields/b"]
    white = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    for record in data.pairs():
        sample = data.sample(record)
        unit = files[record.key].astype(np.float64) / white
        assert sample.target is not None
        assert np.allclose(sample.source[0], unit[..., 3], atol=1e-6)
        assert np.allclose(sample.target.permute(1, 2, 0), unit[..., :3], atol=1e-6)


@pytest.mark.parametrize("band", [1, 2, 3, 4])
def test_the_other_three_are_the_colours_in_their_order(tmp_path: Path, band: int) -> None:
    bands = bands_of(0)
    save(tmp_path / "a.tif", bands)
    data = opened(tmp_path, band=band)
    sample = data.sample(data.records()[0])
    assert sample.target is not None
    assert np.allclose(sample.source[0], bands[..., band - 1] / 255)
    assert np.allclose(sample.target.permute(1, 2, 0), np.delete(bands, band - 1, axis=2) / 255)
    assert data.source_band == band


def test_a_band_that_is_not_there_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", bands_of(0))
    with pytest.raises(NirganError, match=r"a\.tif: band 5 of 4; bands count from 1"):
        opened(tmp_path, band=5)


@pytest.mark.parametrize("stored", STORED)
def test_crops_of_the_two_sides_fit_each_other(tmp_path: Path, stored: str) -> None:
    bands = bands_of(1, np.uint16)
    bands[..., 3] = bands[..., 1]  # near-infrared equals green
    save(tmp_path / "a.tif", bands, stored)
    training = TrainingSet(opened(tmp_path), crop=16, augment=Augmentation(flip=0.5, rotate90=True), seed=0, cache_mb=1)
    for epoch in range(6):
        sample = training[SampleKey("image", epoch, 0, 0)]
        assert sample.target is not None
        assert sample.full_scale == 65535
        assert torch.equal(sample.source[0], sample.target[1])


def test_a_pair_can_be_inspected_and_measured_by_its_header(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", bands_of(0))
    record = opened(tmp_path).records()[0]
    assert size_of(record, "source") == size_of(record, "target") == (20, 28)
    result = inspect([str(tmp_path)])
    assert (result["count"], result["pairing"], result["problems"]) == (1, "registered", [])


def test_gray2rgb_takes_the_colours(tmp_path: Path) -> None:
    bands = bands_of(0)
    save(tmp_path / "a.tif", bands)
    data = opened(tmp_path, task="gray2rgb")
    sample = data.sample(data.records()[0])
    assert sample.target is not None
    assert np.allclose(sample.target.permute(1, 2, 0), bands[..., :3] / 255)


def test_unpaired_sides_of_one_file_stay_apart(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        save(tmp_path / f"{name}.tif", bands_of(number))
    data = opened(tmp_path, pairing="unpaired")
    assert (len(data.sources()), len(data.targets()), len(data.pairs())) == (2, 2, 0)
    assert data.sample(data.sources()[0]).source.shape[0] == 1


class TestRecognition:
    def test_colour_pictures_are_photographs(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", bands_of(0, count=3), photometric="rgb")
        assert type(find_layout(tmp_path)).__name__ == "Photographs"

    def test_all_files_looked_at_have_four_bands(self, tmp_path: Path, write: Write) -> None:
        save(tmp_path / "a.tif", bands_of(0))
        assert type(find_layout(tmp_path)).__name__ == "MultiBand"
        write(tmp_path / "b.png", bands_of(1, count=3))
        assert type(find_layout(tmp_path)).__name__ == "Photographs"

    def test_a_broken_file_says_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(b"II*\0 broken")
        save(tmp_path / "b.tif", bands_of(0))
        assert type(find_layout(tmp_path)).__name__ == "MultiBand"
        assert [record.name for record in opened(tmp_path).records()] == ["a", "b"]

    def test_five_bands_are_no_pair(self, tmp_path: Path) -> None:
        save(tmp_path / "a.tif", bands_of(0, count=5), colours=1)
        assert type(find_layout(tmp_path)).__name__ == "Photographs"
        with pytest.raises(NirganError, match=r"a\.tif: has 5 bands, and a file that is a pair by itself has 4"):
            opened(f"multiband:{tmp_path}")

    def test_folders_of_sources_with_four_bands_keep_their_layout(self, tmp_path: Path) -> None:
        save(tmp_path / "nir" / "a.tif", bands_of(0), colours=1)
        (tmp_path / "rgb").mkdir()
        tifffile.imwrite(tmp_path / "rgb" / "a.tif", bands_of(0, count=3), photometric="rgb")
        data = opened(tmp_path)
        assert data.source_channels == 4
        assert data.source_band is None


class TestAlpha:
    def test_an_opaque_fourth_channel_is_dropped(self, tmp_path: Path) -> None:
        bands = bands_of(0)
        bands[..., 3] = 255
        save(tmp_path / "a.tif", bands, extra="unassalpha")
        assert picture_shape(tmp_path / "a.tif") == (20, 28, 3)
        with pytest.raises(NirganError, match="no NIR pictures.*unless it is marked as alpha"):
            opened(tmp_path)
        with pytest.raises(NirganError, match=r"has 3 bands.*marked as alpha \(TIFF tag ExtraSamples\) is none"):
            opened(f"multiband:{tmp_path}")

    @pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
    def test_near_infrared_that_is_marked_as_alpha_says_how_to_mark_it(self, tmp_path: Path, kind: str) -> None:
        save(tmp_path / "a.tif", bands_of(0), extra=kind)
        with pytest.raises(NirganError, match=r"transparent.*channel 4 is a band.*ExtraSamples: 0"):
            opened(f"multiband:{tmp_path}")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("stored", STORED)
def test_a_band_of_many_is_the_source_of_samples_and_crops(tmp_path: Path, stored: str, dtype: type) -> None:
    bands = bands_of(3, dtype, count=6)
    save(tmp_path / "nir" / "a.tif", bands, stored, colours=1)
    (tmp_path / "rgb").mkdir()
    tifffile.imwrite(tmp_path / "rgb" / "a.tif", bands[..., :3], photometric="rgb")
    assert opened(tmp_path).source_channels == 6
    data = opened(tmp_path, band=2)
    white = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    whole = data.sample(data.records()[0]).source
    assert np.allclose(whole, bands[None, ..., 1].astype(np.float64) / white, atol=1e-6)
    crop = TrainingSet(data, crop=20, augment=PLAIN, seed=0, cache_mb=1)[SampleKey("image", 0, 0, 0)].source
    assert any(torch.equal(whole[..., left : left + 20], crop) for left in range(9))


def test_the_band_of_weights_holds_where_a_picture_has_so_many() -> None:
    def chosen(channels: int, given: int | None, weights: int | None) -> int | None:
        return chosen_band(Picture(np.zeros((1, 1, channels), np.uint8)), given, weights)

    assert chosen(4, None, 4) == 4
    assert chosen(1, None, 4) is None
    assert chosen(1, None, 1) is None
    assert chosen(3, None, 4) is None
    assert chosen(3, 2, 4) == 2
    assert chosen(1, 2, 4) == 2  # what is asked for and is not there is refused later, not passed over
    assert chosen(4, None, None) is None


def test_weights_of_four_bands_score_single_channel_pairs_and_files_of_bands(tmp_path: Path, write_pairs) -> None:
    pairs = write_pairs(tmp_path / "pairs", ["a"])
    assert opened(pairs, weights_band=4).source_channels == 1
    bands = bands_of(0)
    save(tmp_path / "bands" / "a.tif", bands)
    data = opened(tmp_path / "bands", weights_band=1)
    assert np.allclose(data.sample(data.records()[0]).source[0], bands[..., 0] / 255)
