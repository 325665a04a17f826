"""Bands from training to translation, as people type it: four-band files in, what is said of another band."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from command_line import Nirgan

from nirgan.models import create_model
from nirgan.models.weights import WeightsInfo, read_info, save_weights

OPTIONS = {"width": 4, "levels": 5}
QUICK = ("--set", "validation.images=1", "--set", "logging.samples=1", "--device", "cpu", "--crop", "32")


def weights(path: Path, **said: object) -> Path:
    """Weights of a small untrained network."""
    recipe = create_model("pix2pix", task="nir2rgb", crop=32, **OPTIONS)
    state = recipe.state_dict()
    info = WeightsInfo(model="pix2pix", task="nir2rgb", crop=32, options=OPTIONS, **said)  # type: ignore[arg-type]
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, info)
    return path


def four_bands(folder: Path, count: int) -> Path:
    """TIFF files of red, green, blue and near-infrared."""
    folder.mkdir()
    for number in range(count):
        bands = np.random.default_rng(number).integers(0, 65536, (40, 44, 4), dtype=np.uint16)
        tifffile.imwrite(
            folder / f"{number}.tif", bands, photometric="rgb", planarconfig="contig", extrasamples=["unspecified"]
        )
    return folder


def said_of_bands(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [message for message in caplog.messages if "these weights were trained on" in message]
    caplog.clear()
    return said


@pytest.mark.parametrize("workers", [0, 3])
def test_translate_names_another_band_once(
    nirgan: Nirgan, tmp_path: Path, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    weights(tmp_path / "w.safetensors", wavelength="850nm")
    (tmp_path / "nir").mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / "nir" / f"{number}.png"), np.full((32, 32), 40 * number, np.uint8))
    command = ("translate", "nir", "--weights", "w.safetensors", "--overwrite", "--workers", workers)
    for line, words in (
        ("", []),
        ("wavelength: 860", []),
        ("wavelength: 940", ["940 nm"]),
        ("wavelength: broad", ["broad"]),
    ):
        (tmp_path / "band.yaml").write_text(line)
        assert nirgan(*command).code == 0
        said = said_of_bands(caplog)
        assert len(said) == len(words)
        assert all(word in message and "850 nm" in message for word, message in zip(words, said, strict=True))
        assert len(list((tmp_path / "translated").iterdir())) == 6


def test_a_sidecar_that_means_nothing_is_refused_in_a_line(nirgan: Nirgan, tmp_path: Path) -> None:
    weights(tmp_path / "w.safetensors", wavelength="850nm")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((32, 32), np.uint8))
    (tmp_path / "band.yaml").write_text("wavelength: red")
    assert (
        "band.yaml: wavelength: 'red' is no band" in nirgan("translate", "a.png", "--weights", "w.safetensors").refused
    )


def test_weights_of_four_band_files_know_their_band(
    nirgan: Nirgan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (four_bands(tmp_path / "fields", 6) / "band.yaml").write_text("wavelength: 850\n")
    train = ("train", "--model", "pix2pix", "--preset", "tiny", *QUICK, "--data", "fields", "--steps", "1")
    assert nirgan(*train, "--batch-size", "1", "--out", "run").code == 0
    info = read_info(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors")
    assert (info.wavelength, info.band, info.source_channels) == ("850nm", 4, 1)

    assert nirgan("translate", "fields/0.tif", "--weights", "run").code == 0
    assert tifffile.imread(tmp_path / "translated" / "0.tif").shape == (40, 44, 3)
    assert said_of_bands(caplog) == []

    own = json.loads(nirgan("evaluate", "--weights", "run", "--split", "all", "--device", "cpu", "--json").out)
    assert own["count"] == 6
    assert not [note for note in own["notes"] if "trained on" in note]

    (four_bands(tmp_path / "night", 2) / "band.yaml").write_text("wavelength: 940\n")
    other = nirgan("evaluate", "--weights", "run", "--data", "night", "--device", "cpu", "--json")
    result = json.loads(other.out)
    assert result["count"] == 2
    assert [note for note in result["notes"] if "night: said to be 940 nm" in note and "850 nm" in note]


def test_near_infrared_may_come_first(nirgan: Nirgan, tmp_path: Path) -> None:
    four_bands(tmp_path / "fields", 4)
    train = ("train", "--model", "pix2pix", "--preset", "tiny", *QUICK, "--data", "fields", "--steps", "1")
    assert nirgan(*train, "--batch-size", "1", "--band", "1", "--out", "run").code == 0
    assert read_info(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors").band == 1

    preview = ("preview", "--data", "fields", "--crop", "40", "--count", "1", "--set", "dataset.augment.flip=0.0")
    for band, name in ((1, "first.png"), (4, "last.png")):
        assert nirgan("data", *preview, "--band", band, "--out", name).code == 0
    first, last = (cv2.imread(str(tmp_path / name))[20:, :, ::-1] for name in ("first.png", "last.png"))
    assert np.array_equal(first[:, :40, 0], last[:, 44:, 0])  # the first band: once the source, once the target's red
    assert np.array_equal(first[:, 44:, 2], last[:, :40, 0])  # and the last: the target's blue, then the source
    assert not np.array_equal(first[:, :40], last[:, :40])


def test_inspect_takes_four_band_files_for_pairs(nirgan: Nirgan, tmp_path: Path) -> None:
    four_bands(tmp_path / "fields", 3)
    result = json.loads(nirgan("data", "inspect", "fields", "--headers", "--json").out)
    assert "files of four bands, colour and near-infrared" in result["layout"]
    assert (result["pairing"], result["count"]) == ("registered", 3)


def test_damaged_words_in_weights_are_no_band(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wavelength"):
        weights(tmp_path / "w.safetensors", wavelength="850nm\n")
    assert read_info(weights(tmp_path / "w.safetensors")).wavelength is None
    assert read_info(weights(tmp_path / "x.safetensors", wavelength="nir")).wavelength == "nir"
