"""What users of such tools ask for first, as they would try it: commands in an empty folder.

any size in, the same size out, 16 bits, no flag   here
stop, resume, compare with an unbroken run         training/test_resume, faults/; each recipe: recipes/
training preview equals translate                  here
a folder with one missing partner                  bad_input/test_bad_pictures
evaluate prints the copy beside the model          here, cli/test_evaluate_cli
a large picture in small tiles has no seam         here; inference/test_tiling, test_statistics
every recipe, 1 and 4 channels to 3, two steps     here
--workers 2 with spawned processes                 here; data/test_loader
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from command_line import Nirgan

from nirgan.data.synth import write_scenes
from nirgan.models import create_model, list_models, recipe_class
from nirgan.models.weights import WeightsInfo, read_weights, save_weights

QUICK = ("--device", "cpu", "--set", "logging.samples=1", "--set", "validation.images=1")
MODELS = [name for name in list_models() if recipe_class(name).__module__.startswith("nirgan.")]


HEIGHT, WIDTH = 64, 72  # the largest crop of a `tiny` preset fits


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "pairs", 6, size=(HEIGHT, WIDTH))
    return tmp_path / "pairs"


def train(model: str, *more: object, data: str = "pairs") -> tuple[object, ...]:
    return ("train", "--model", model, "--preset", "tiny", "--data", data, *QUICK, *more)


@pytest.mark.parametrize("model", MODELS)
def test_a_16_bit_picture_of_any_size_without_a_flag(nirgan: Nirgan, pairs: Path, model: str) -> None:
    assert nirgan(*train(model, "--steps", "1")).code == 0
    pixels = np.random.default_rng(0).integers(0, 65536, (257, 391), dtype=np.uint16)
    tifffile.imwrite("scene.tif", pixels)
    assert nirgan("translate", "scene.tif").code == 0
    written = tifffile.imread("translated/scene.tif")
    assert (written.shape, written.dtype) == ((257, 391, 3), np.uint16)


@pytest.mark.parametrize("model", MODELS)
def test_the_training_preview_is_what_translate_writes(nirgan: Nirgan, pairs: Path, model: str) -> None:
    ended = nirgan(*train(model, "--steps", "3", "--out", "run", "--set", "logging.samples_every_steps=3"))
    assert ended.code == 0, ended.err
    with Path("run", "split.csv").open() as file:
        shown = next(row["name"] for row in csv.DictReader(file) if row["split"] == "val")
    side = "nir" if "nir2rgb" in recipe_class(model).tasks else "rgb"  # whose lightness is the source
    assert nirgan("translate", pairs / side / f"{shown}.png", "--weights", "run/checkpoints/last").code == 0
    grid = max(Path("run/samples").iterdir())  # of step 3, or of step 0 where nothing is trained
    preview = cv2.imread(str(grid))[:HEIGHT, WIDTH + 4 : WIDTH + 4 + WIDTH]
    translated = cv2.imread(f"translated/{shown}.png")
    assert np.ptp(translated) > 0
    assert np.array_equal(preview, translated)


def test_evaluate_prints_the_copy_beside_the_model(nirgan: Nirgan, pairs: Path) -> None:
    assert nirgan(*train("pix2pix", "--steps", "1")).code == 0
    ended = nirgan("evaluate", "--data", "pairs")
    assert ended.code == 0
    head = next(line for line in ended.out.splitlines() if "copy" in line and "lookup" in line)
    assert head.index("model") < head.index("copy") < head.index("lookup")


def write_four_bands(folder: Path) -> None:
    """Pairs whose sources have four bands of 12 bits."""
    write_scenes(folder, 6, size=(HEIGHT, WIDTH))
    for file in sorted((folder / "nir").iterdir()):
        level = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.uint16) * 16
        bands = np.stack([level, level // 2, 4095 - level, level // 3])
        tifffile.imwrite(file.with_suffix(".tif"), bands, photometric="minisblack", planarconfig="separate")
        file.unlink()


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("model", [name for name in MODELS if "nir2rgb" in recipe_class(name).tasks])
def test_every_recipe_takes_one_and_four_channels(nirgan: Nirgan, pairs: Path, model: str, channels: int) -> None:
    full_scale: tuple[str, ...] = ()
    if channels == 4:
        write_four_bands(Path("bands"))
        full_scale = ("--full-scale", "4095")
    data = "bands" if channels == 4 else "pairs"
    pairing = recipe_class(model).pairings[0]
    command = train(model, "--steps", "2", "--pairing", pairing, "--out", "run", "--json", *full_scale, data=data)
    ended = nirgan(*command)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["steps"] == 2
    assert read_weights(Path("run/checkpoints/last/weights.safetensors"))[0].source_channels == channels
    picture = next(iter(sorted(Path(data, "nir").iterdir())))
    assert nirgan("translate", picture, "--weights", "run", "--format", "png", "--depth", "8").code == 0
    assert cv2.imread(f"translated/{picture.stem}.png", cv2.IMREAD_UNCHANGED).shape == (HEIGHT, WIDTH, 3)


def save_without_global_statistics(path: Path) -> None:
    """Weights of a small network whose batch norm uses what it learned: each pixel depends on its neighbours alone."""
    options = {"width": 4, "n_res": 1, "norm": "batch"}
    torch.manual_seed(0)
    recipe = create_model("asym-cyclegan", crop=32, **options)
    with torch.no_grad():
        for weight in recipe.parameters():  # fresh weights are so small that every picture comes out grey
            weight *= 3
    state = recipe.state_dict()
    info = WeightsInfo(model="asym-cyclegan", task="nir2rgb", crop=32, options=options)
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, info)


@pytest.mark.parametrize("size", [(400, 600), pytest.param((3000, 4000), marks=pytest.mark.slow)])
def test_a_picture_in_tiles_has_no_seam(nirgan: Nirgan, size: tuple[int, int]) -> None:
    save_without_global_statistics(Path("w.safetensors"))
    random = np.random.default_rng(0)
    coarse = random.integers(0, 65536, (size[0] // 50, size[1] // 50)).astype(np.float32)
    smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC) + random.normal(0, 2000, size)
    cv2.imwrite("large.png", smooth.clip(0, 65535).astype(np.uint16))
    written = {}
    for tile in (0, 256):
        assert nirgan("translate", "large.png", "--weights", "w.safetensors", "--tile", tile, "--out", tile).code == 0
        written[tile] = cv2.imread(f"{tile}/large.png", cv2.IMREAD_UNCHANGED).astype(np.int32)
    whole, tiled = written.values()
    assert whole.shape == (*size, 3)
    assert whole.std() > 3000  # levels of 65535
    assert np.abs(whole - tiled).max() <= 2


@pytest.mark.slow
def test_spawned_workers_give_the_same_weights(nirgan: Nirgan, pairs: Path, tmp_path: Path) -> None:
    script = tmp_path / "spawned.py"
    script.write_text(
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    from nirgan.cli.app import main\n"
        "    main()\n"
    )
    command = train("pix2pix", "--steps", "6")
    arguments = [*map(str, command), "--workers", "2", "--out", "spawned"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    ended = subprocess.run([sys.executable, str(script), *arguments], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert nirgan(*command, "--workers", "0", "--out", "alone").code == 0
    several, one = (read_weights(Path(run, "checkpoints/last/weights.safetensors"))[1] for run in ("spawned", "alone"))
    assert all(torch.equal(several[name], value) for name, value in one.items())
