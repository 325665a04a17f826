from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from toy_recipes import build, save_toy

import nirgan
from nirgan.data.convert import from_unit
from nirgan.errors import NirganError
from nirgan.inference import Translator, translate_source
from nirgan.models.weights import WeightsInfo


def translator(name: str = "toy-copy", *, channels: int = 1, **given: object) -> Translator:
    own = {key: given.pop(key) for key in ("task", "full_scale_of_weights", "band_of_weights") if key in given}
    task = own.get("task", "nir2rgb")
    info = WeightsInfo(
        model=name,
        task=task,
        source_channels=channels,
        full_scale=own.get("full_scale_of_weights"),
        band=own.get("band_of_weights"),
    )
    return Translator(build(name, source_channels=channels, task=task), info, **given)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(11, 7), (11, 7, 1), (11, 7, 3)])
def test_arrays_come_back_as_they_came(dtype: type, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    grey = rng.random(shape[:2])
    largest = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    picture = (grey * largest).astype(dtype)
    if len(shape) == 3:
        picture = np.repeat(picture[..., None], shape[2], axis=2)
    output = translator().translate(picture)
    assert isinstance(output, np.ndarray)
    assert output.shape == (11, 7, 3)
    assert output.dtype == (np.float32 if largest == 1 else dtype)
    expected = np.repeat(picture.reshape(11, 7, -1)[..., :1], 3, axis=2)
    assert np.abs(output.astype(np.float64) - expected).max() <= (1e-6 if largest == 1 else 0)


@pytest.mark.parametrize("shape", [(1, 5, 9), (5, 9)])
def test_tensors_come_back_as_tensors(shape: tuple[int, ...]) -> None:
    picture = torch.rand(shape, dtype=torch.float64)
    output = translator().translate(picture)
    assert isinstance(output, torch.Tensor)
    assert output.shape == (3, 5, 9)
    assert output.dtype == torch.float64
    assert torch.allclose(output, picture.reshape(1, 5, 9).expand(3, -1, -1), atol=1e-6)


def test_files_and_pil_pictures(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 65536, (8, 6), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    assert np.array_equal(translator().translate(tmp_path / "a.tif"), np.stack([pixels] * 3, axis=-1))
    eight = (pixels >> 8).astype(np.uint8)
    assert np.array_equal(translator().translate(Image.fromarray(eight)), np.stack([eight] * 3, axis=-1))  # type: ignore


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((2, 2, 2, 2), np.uint8), "must be"),
        (np.zeros((4, 4), np.int32), "uint8, uint16 or float"),
        (np.full((4, 4), np.nan), "NaN"),
        (torch.zeros((1, 4, 4), dtype=torch.uint8), "float in"),
        (torch.zeros((1, 1, 4, 4)), "one by one"),
        (np.zeros((4, 4, 2), np.uint8), "--band"),
        (np.dstack([np.zeros((4, 4)), np.ones((4, 4)), np.zeros((4, 4))]), "--band"),
    ],
)
def test_what_cannot_be_translated_is_refused_in_words(picture: np.ndarray | torch.Tensor, words: str) -> None:
    with pytest.raises(NirganError, match=words):
        translator().translate(picture)


def test_full_scale_is_given_or_the_weights_or_the_types() -> None:
    picture = np.array([[0, 2048, 4095]], np.uint16)
    as_float = picture.astype(np.float64)
    assert np.allclose(translator().translate(picture)[..., 0], picture)
    twelve = translator(full_scale_of_weights=4095.0).translate(picture)
    assert np.allclose(twelve[..., 0], np.rint(as_float / 4095 * 65535))
    given = translator(full_scale_of_weights=4095.0, full_scale=8190).translate(picture)
    assert np.allclose(given[..., 0], np.rint(as_float / 8190 * 65535))


def test_floats_in_memory_have_full_scale_one_whatever_the_weights_say() -> None:
    picture = np.array([[0, 0.25, 1]])
    model = translator(full_scale_of_weights=4095.0)
    assert np.allclose(model.translate(picture)[..., 0], picture)
    assert np.allclose(model.translate(torch.from_numpy(picture))[0], picture)
    given = translator(full_scale_of_weights=4095.0, full_scale=4.0)
    assert np.allclose(given.translate(picture)[..., 0], picture / 4)
    with pytest.raises(NirganError, match="above 1"):
        model.translate(np.full((4, 4), 2000.0))


def test_the_weights_band_is_for_pictures_with_bands() -> None:
    bands = np.random.default_rng(2).integers(0, 256, (5, 4, 4), dtype=np.uint8)
    model = translator(band_of_weights=3)
    assert np.array_equal(model.translate(bands)[..., 0], bands[..., 2])
    assert np.array_equal(model.translate(bands[..., 0])[..., 0], bands[..., 0])
    assert np.array_equal(translator(band_of_weights=3, band=2).translate(bands)[..., 0], bands[..., 1])


def test_grey_colorisers_take_lightness() -> None:
    output = translator(task="gray2rgb").translate(np.full((3, 3), 0.5))
    assert np.allclose(output, 0.5338896, atol=1e-5)  # L* of sRGB 0.5 by CIE 15 and IEC 61966-2-1


def test_translation_equals_the_training_preview(tmp_path: Path) -> None:
    path = save_toy(tmp_path / "w.safetensors", "toy-batch")
    pixels = np.random.default_rng(3).integers(0, 256, (37, 50), dtype=np.uint8)
    preview = translate_source(build("toy-batch"), torch.from_numpy(pixels[None] / np.float32(255)))
    output = nirgan.load(path, device="cpu").translate(pixels)
    assert np.array_equal(output, from_unit(preview.numpy(), 8))


def test_load_takes_conditions_and_refuses_unknown_ones(tmp_path: Path) -> None:
    path = save_toy(tmp_path / "w.safetensors", "toy-copy")
    picture = np.zeros((4, 4), np.uint8)
    assert nirgan.load(path, conditions={"noise": 0.5}).translate(picture).max() > 0
    with pytest.raises(NirganError, match="did you mean 'noise'"):
        nirgan.load(path, conditions={"noisy": 0.5})
