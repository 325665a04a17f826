from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
from toy_recipes import build, save_toy

import nirgan
from nirgan.data.files import read_picture
from nirgan.errors import NirganError
from nirgan.inference import Translator, translate_files
from nirgan.inference import work as work_module
from nirgan.models.weights import WeightsInfo


@pytest.fixture
def copier() -> Translator:
    return Translator(build("toy-copy"), WeightsInfo(model="toy-copy", task="nir2rgb"))


@pytest.fixture
def batch() -> Translator:
    return Translator(build("toy-batch"), WeightsInfo(model="toy-batch", task="nir2rgb"))


def grey(path: Path, *, shape: tuple[int, int] = (6, 5), dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    """Write a random grey picture and return its pixels."""
    rng = np.random.default_rng(seed)
    largest = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    pixels = (rng.random(shape) * largest).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in (".tif", ".tiff"):
        tifffile.imwrite(path, pixels)
    else:
        assert cv2.imwrite(str(path), pixels)
    return pixels


def in_colour(pixels: np.ndarray) -> np.ndarray:
    return np.stack([pixels] * 3, axis=-1)


def names(result_or_folder: object) -> list[str]:
    folder = Path(str(result_or_folder))
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_damaged_weights_write_nothing(batch: Translator, tmp_path: Path) -> None:
    next(batch.recipe.parameters())[0] = torch.nan
    grey(tmp_path / "in" / "a.png")
    result = translate_files(batch, [tmp_path / "in"], tmp_path / "out")
    assert [path.name for path, error in result.failed if "weights are damaged" in error] == ["a.png"]
    assert not list((tmp_path / "out").rglob("*.png"))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_folders_keep_their_structure(copier: Translator, tmp_path: Path, workers: int) -> None:
    inputs = tmp_path / "in"
    places = ("a.png", "x/a.png", "x/y/b.tif", "z.JPG")
    pixels = {place: grey(inputs / place, seed=i) for i, place in enumerate(places)}
    for hidden in (".hidden.png", ".cache/a.png", "notes.txt"):
        (inputs / hidden).parent.mkdir(exist_ok=True)
        (inputs / hidden).write_bytes(b"no picture")
    result = translate_files(copier, [inputs], tmp_path / "out", workers=workers)
    assert names(tmp_path / "out") == ["a.png", "x/a.png", "x/y/b.tif", "z.png"]
    assert [path.name for path in result.written] == ["a.png", "a.png", "b.tif", "z.png"]
    assert not result.failed
    assert result.images_per_s > 0
    for place in ("a.png", "x/a.png", "x/y/b.tif"):
        assert np.array_equal(read_picture(tmp_path / "out" / place).pixels, in_colour(pixels[place]))


def test_a_16_bit_tiff_gives_a_16_bit_tiff_of_its_size(batch: Translator, tmp_path: Path) -> None:
    grey(tmp_path / "nir.tiff", shape=(391, 257), dtype=np.uint16)
    (written,) = translate_files(batch, [tmp_path / "nir.tiff"], tmp_path / "out").written
    assert written.name == "nir.tiff"
    pixels = tifffile.imread(written)
    assert pixels.shape == (391, 257, 3)
    assert pixels.dtype == np.uint16
    assert len(np.unique(pixels)) > 1000  # 16 bits are used, not 8 stretched


@pytest.mark.parametrize(
    ("name", "dtype", "depth", "format", "expected_name", "expected"),
    [
        ("a.png", np.uint8, "same", None, "a.png", np.uint8),
        ("a.png", np.uint16, "same", None, "a.png", np.uint16),
        ("a.png", np.uint16, 8, None, "a.png", np.uint8),
        ("a.png", np.uint8, 16, "tiff", "a.tif", np.uint16),
        ("a.tiff", np.float32, "same", None, "a.tiff", np.uint16),
        ("a.TIF", np.uint8, "same", "tif", "a.TIF", np.uint8),
        ("a.tif", np.uint16, "same", "png", "a.png", np.uint16),
        ("a.tif", np.uint16, "same", "jpeg", "a.jpg", np.uint8),
        ("a.jpeg", np.uint8, "same", "jpg", "a.jpeg", np.uint8),
        ("a.jpg", np.uint8, 16, None, "a.png", np.uint16),
    ],
)
def test_depth_and_format(
    copier: Translator,
    tmp_path: Path,
    name: str,
    dtype: type,
    depth: object,
    format: str | None,
    expected_name: str,
    expected: type,
) -> None:
    grey(tmp_path / name, dtype=dtype)
    (written,) = translate_files(copier, [tmp_path / name], tmp_path / "out", depth=depth, format=format).written  # type: ignore
    assert written.name == expected_name
    assert read_picture(written).pixels.dtype == expected


def test_jpeg_of_16_bits_and_unknown_formats_are_refused(copier: Translator, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="JPEG holds 8 bits"):
        translate_files(copier, [tmp_path], tmp_path / "out", depth=16, format="jpg")
    with pytest.raises(NirganError, match="did you mean 'png'"):
        translate_files(copier, [tmp_path], tmp_path / "out", format="pgn")


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2), (17, 5)])
def test_odd_sizes(batch: Translator, tmp_path: Path, shape: tuple[int, int]) -> None:
    grey(tmp_path / "a.png", shape=shape)
    (written,) = translate_files(batch, [tmp_path / "a.png"], tmp_path / "out").written
    assert read_picture(written).pixels.shape == (*shape, 3)


@pytest.mark.parametrize("stem", ["with space", 'it\'s "quoted"', "new\nline", "düne-森", "%d", "a.b.c", "-dash"])
def test_names_of_every_kind(copier: Translator, tmp_path: Path, stem: str) -> None:
    source = tmp_path / "in" / f"{stem}.png"
    source.parent.mkdir()
    pixels = grey(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(source)
    for given in (source.parent, source):
        result = translate_files(copier, [given], tmp_path / "out", overwrite=True)
        assert [path.name for path in result.written] == [f"{stem}.png"]
        assert np.array_equal(read_picture(result.written[0]).pixels, in_colour(pixels))


def test_a_broken_file_is_listed_and_the_rest_is_done(copier: Translator, tmp_path: Path) -> None:
    for name in ("a", "c", "d"):
        grey(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    cv2.imwrite(str(tmp_path / "e.png"), np.random.default_rng(0).integers(0, 255, (5, 5, 3), dtype=np.uint8))
    result = translate_files(copier, [tmp_path, tmp_path / "missing.png"], tmp_path / "out")
    assert [path.name for path in result.written] == ["a.png", "c.png", "d.png"]
    assert {path.name: error.split()[0] for path, error in result.failed}.keys() == {"missing.png", "b.png", "e.png"}
    assert all(str(tmp_path) not in error for _, error in result.failed)
    assert names(tmp_path / "out") == ["a.png", "c.png", "d.png"]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("part", ["read", "translate", "write"])
def test_whatever_one_file_does_the_others_are_done(
    copier: Translator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
    workers: int,
) -> None:
    for name in "abc":
        grey(tmp_path / "in" / f"{name}.png", shape=(2 if name == "b" else 5, 5))

    def odd_at_b(work: Callable[..., Any], is_b: Callable[..., bool]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if is_b(*args):
                raise IndexError("odd\nin two lines")
            return work(*args, **named)

        return run

    if part == "read":
        is_b = lambda picture, path: path.stem == "b"  # noqa: E731
        monkeypatch.setattr(copier, "source_of", odd_at_b(copier.source_of, is_b))
    elif part == "translate":
        monkeypatch.setattr(copier, "run", odd_at_b(copier.run, lambda source, _: source.shape[1] == 2))
    else:
        is_b = lambda path, *_: path.stem == "b"  # noqa: E731
        monkeypatch.setattr(work_module, "write_picture", odd_at_b(work_module.write_picture, is_b))
    with caplog.at_level(logging.DEBUG, logger="nirgan"):
        result = translate_files(copier, [tmp_path / "in"], tmp_path / "out", workers=workers)
    assert [path.name for path in result.written] == ["a.png", "c.png"]
    assert result.failed == [(tmp_path / "in" / "b.png", "IndexError: odd")]
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_no_memory_is_not_one_file_s_fault(
    copier: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(*args: object, **options: object) -> None:
        raise error

    grey(tmp_path / "a.png")
    monkeypatch.setattr(copier, "run", run)
    with pytest.raises(type(error)):
        translate_files(copier, [tmp_path / "a.png"], tmp_path / "out")


def test_a_folder_that_cannot_be_read_is_listed(
    copier: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("a.png", "locked/b.png", "open/c.png"):
        grey(tmp_path / "in" / place)
    locked, scandir = str(tmp_path / "in" / "locked"), os.scandir

    def guarded(path: str) -> Any:  # permissions do not hold against root, who may run the tests
        if str(path) == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    result = translate_files(copier, [tmp_path / "in"], tmp_path / "out")
    assert [path.name for path in result.written] == ["a.png", "c.png"]
    assert result.failed == [(Path(locked), "this folder cannot be read (Permission denied)")]
    only = translate_files(copier, [locked], tmp_path / "out")
    assert only.failed == result.failed
    assert not only.written


def test_names_that_are_too_long_are_listed(tmp_path: Path) -> None:
    model = Translator(build("toy-copy"), WeightsInfo(model="toy-copy", task="nir2rgb"), conditions={"noise": 0.5})
    longest = "x" * 251 + ".png"
    for name in ("a.png", longest):
        grey(tmp_path / "in" / name)
    endless = tmp_path / ("y" * 300 + ".png")
    result = translate_files(model, [endless, tmp_path / "in"], tmp_path / "out", samples=1)
    assert [path.name for path in result.written] == ["a-1.png"]
    assert [path for path, _ in result.failed] == [endless, tmp_path / "in" / longest]
    assert all("File name too long" in error for _, error in result.failed)


def test_results_that_are_there_are_skipped(copier: Translator, tmp_path: Path) -> None:
    grey(tmp_path / "a.png")
    out = tmp_path / "out"
    first = translate_files(copier, [tmp_path / "a.png"], out)
    before = first.written[0].stat().st_mtime_ns
    grey(tmp_path / "a.png", seed=5)
    second = translate_files(copier, [tmp_path / "a.png"], out)
    assert second.skipped == first.written
    assert not second.written
    assert first.written[0].stat().st_mtime_ns == before
    third = translate_files(copier, [tmp_path / "a.png"], out, overwrite=True)
    assert third.written == first.written
    assert not third.skipped


def test_results_of_one_name_are_told_apart(copier: Translator, tmp_path: Path) -> None:
    pixels = {place: grey(tmp_path / "in" / place, seed=i) for i, place in enumerate(("a.png", "a.tif", "b.png"))}
    result = translate_files(copier, [tmp_path / "in"], tmp_path / "out", format="png")
    assert [path.name for path in result.written] == ["a_png.png", "a_tif.png", "b.png"]
    assert np.array_equal(read_picture(tmp_path / "out" / "a_tif.png").pixels, in_colour(pixels["a.tif"]))


def test_two_folders_with_the_same_names(copier: Translator, tmp_path: Path) -> None:
    first, second = grey(tmp_path / "one" / "a.png", seed=1), grey(tmp_path / "two" / "A.png", seed=2)
    result = translate_files(copier, [tmp_path / "one", tmp_path / "two"], tmp_path / "out")
    assert len({str(path).casefold() for path in result.written}) == 2
    written = [read_picture(path).pixels for path in result.written]
    assert np.array_equal(written[0], in_colour(first))
    assert np.array_equal(written[1], in_colour(second))


def test_the_same_file_twice_is_one(copier: Translator, tmp_path: Path) -> None:
    grey(tmp_path / "a.png")
    assert len(translate_files(copier, [tmp_path, tmp_path / "a.png"], tmp_path / "out").written) == 1


def test_results_inside_the_input_folder_are_no_inputs(copier: Translator, tmp_path: Path) -> None:
    grey(tmp_path / "a.png")
    for _ in range(2):
        translate_files(copier, [tmp_path], tmp_path / "out", overwrite=True)
    assert names(tmp_path) == ["a.png", "out/a.png"]


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_inputs_are_never_replaced(copier: Translator, tmp_path: Path, link: object) -> None:
    pixels = grey(tmp_path / "a.png")
    out = tmp_path
    if link is not None:
        out = tmp_path / "out"
        out.mkdir()
        link(tmp_path / "a.png", out / "a.png")  # type: ignore[operator]
    with pytest.raises(NirganError, match="would replace this input"):
        translate_files(copier, [tmp_path / "a.png"], out, overwrite=True)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED), pixels)


def test_an_output_folder_that_cannot_be_made(copier: Translator, tmp_path: Path) -> None:
    grey(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NirganError, match="cannot be made"):
        translate_files(copier, [tmp_path / "a.png"], tmp_path / "file" / "out")


def test_samples_are_numbered_and_repeatable(tmp_path: Path) -> None:
    model = Translator(build("toy-copy"), WeightsInfo(model="toy-copy", task="nir2rgb"), conditions={"noise": 0.5})
    grey(tmp_path / "a.png")
    result = translate_files(model, [tmp_path / "a.png"], tmp_path / "out", samples=3, seed=7)
    assert [path.name for path in result.written] == ["a-1.png", "a-2.png", "a-3.png"]
    first, second, _ = (read_picture(path).pixels for path in result.written)
    assert not np.array_equal(first, second)
    (single,) = translate_files(model, [tmp_path / "a.png"], tmp_path / "one", seed=8).written
    assert single.name == "a.png"
    assert np.array_equal(read_picture(single).pixels, second)


def test_missing_samples_are_filled_in(tmp_path: Path) -> None:
    model = Translator(build("toy-copy"), WeightsInfo(model="toy-copy", task="nir2rgb"), conditions={"noise": 0.5})
    grey(tmp_path / "a.png")
    before = translate_files(model, [tmp_path / "a.png"], tmp_path / "out", samples=2).written
    pixels = read_picture(before[1]).pixels
    before[1].unlink()
    again = translate_files(model, [tmp_path / "a.png"], tmp_path / "out", samples=2)
    assert (again.skipped, again.written) == ([before[0]], [before[1]])
    assert np.array_equal(read_picture(before[1]).pixels, pixels)


@pytest.mark.parametrize("option", [{"samples": 2}, {"seed": 1}])
def test_models_without_chance_refuse_samples(batch: Translator, tmp_path: Path, option: dict[str, int]) -> None:
    with pytest.raises(NirganError, match="draws nothing at random"):
        translate_files(batch, [tmp_path], tmp_path / "out", **option)  # type: ignore[arg-type]


def test_metadata_is_carried(copier: Translator, tmp_path: Path) -> None:
    scale = (33550, 12, 3, (10.0, 10.0, 0.0), True)  # ModelPixelScaleTag of GeoTIFF
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint16), extratags=[scale])
    (written,) = translate_files(copier, [tmp_path / "a.tif"], tmp_path / "out").written
    with tifffile.TiffFile(written) as file:
        assert file.pages[0].tags[33550].value == (10.0, 10.0, 0.0)  # type: ignore[union-attr]


# With threads, the first result is being written before the fourth picture is read; the others may be called off.
@pytest.mark.parametrize(("workers", "fewest"), [(0, 3), (2, 1)])
def test_an_interruption_leaves_whole_files(
    copier: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, fewest: int
) -> None:
    for index in range(8):
        grey(tmp_path / "in" / f"{index}.png", shape=(64, 64))
    run, calls = copier.run, []

    def interrupted(*args: object, **options: object) -> object:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(copier, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        translate_files(copier, [tmp_path / "in"], tmp_path / "out", workers=workers)
    written = names(tmp_path / "out")
    assert written == [f"{n}.png" for n in range(len(written))]
    assert fewest <= len(written) <= 3
    for name in written:
        assert read_picture(tmp_path / "out" / name).pixels.shape == (64, 64, 3)


def test_few_pictures_are_held_at_a_time(copier: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(12):
        grey(tmp_path / "in" / f"{index:02d}.png")
    reads, runs, most = [], [], []
    read, run = work_module.read_picture, copier.run
    monkeypatch.setattr(work_module, "read_picture", lambda *a, **k: reads.append(1) or read(*a, **k))

    def counted(*args: object, **options: object) -> object:
        runs.append(1)
        most.append(len(reads) - len(runs))
        return run(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(copier, "run", counted)
    translate_files(copier, [tmp_path / "in"], tmp_path / "out", workers=2)
    assert max(most) <= 3
    assert len(runs) == 12


def test_python_api(tmp_path: Path) -> None:
    weights = save_toy(tmp_path / "w.safetensors", "toy-copy")
    grey(tmp_path / "a.png")
    result = nirgan.translate(tmp_path / "a.png", tmp_path / "out", weights=weights, device="cpu", depth=16)
    assert read_picture(result.written[0]).pixels.dtype == np.uint16
    with pytest.raises(NirganError, match="no such file"):
        nirgan.translate([tmp_path / "none.png"], tmp_path / "out", weights=weights)
    with pytest.raises(NirganError, match="saturation is 11"):
        nirgan.translate(tmp_path / "a.png", tmp_path / "out", weights=weights, saturation=11)
