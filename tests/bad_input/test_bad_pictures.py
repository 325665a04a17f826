"""Pictures and folders that cannot be used: one clear line, the right exit code, nothing half written.

Where each kind of bad input is tested through the command line (below ``tests/``):

    missing folder or file           bad_input/test_bad_pictures, cli/test_train_cli, cli/test_translate_cli
    empty folder                     bad_input/test_bad_pictures
    stems without partner            bad_input/test_bad_pictures; listed by `data inspect`: cli/test_data_cli
    cut, empty, text called .png     bad_input/test_bad_pictures (translate, train, evaluate); data/test_files
    PNG bomb, --max-pixels           bad_input/test_bad_pictures; data/test_files (tiles, second headers, promises)
    five bands                       bad_input/test_bad_pictures
    NaN and infinite pixels          bad_input/test_bad_pictures
    two sizes in a registered pair   bad_input/test_bad_pictures
    crop larger than a picture       bad_input/test_bad_pictures
    batch of one and batch norm      training/test_train (refused), bad_input/test_bad_pictures (built-in recipes train)
    unknown key, wrong type          bad_input/test_bad_settings, config/test_load, cli/test_train_cli
    YAML that runs code, alias bomb  bad_input/test_bad_settings
    checkpoint of another model      bad_input/test_bad_checkpoints
    cut in half, flipped bit         bad_input/test_bad_checkpoints, test_weights
    pickles that run code            bad_input/test_bad_checkpoints
    --resume with another model      bad_input/test_bad_checkpoints
    --out on an existing run         cli/test_train_cli, training/test_train
    output below the input           bad_input/test_odd_places, inference/test_folder
    odd file names                   bad_input/test_odd_places, cli/test_translate_cli
    10,000 files                     bad_input/test_odd_places
    two processes on one run         bad_input/test_odd_places, training/test_train (a killed one's lock is gone)
    full disks, kills, read-only     faults/
    anything at all                  bad_input/test_fuzz_*
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from bad_files import QUICK, bomb, files_below, png, write_bad_pictures
from command_line import Nirgan

from nirgan.data.synth import write_scenes

COMMANDS = {
    "train": ("train", "--model", "pix2pix", *QUICK, "--out", "out", "--data"),
    "translate": ("translate", "--out", "out", "--weights", "pix2pix"),
    "evaluate": ("evaluate", "--weights", "pix2pix", "--out", "out", "--data"),
    "inspect": ("data", "inspect"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_folder_that_is_missing_or_empty(nirgan: Nirgan, runs: Path, command: tuple[str, ...]) -> None:
    words = nirgan(*command, "nowhere").refused
    assert "nowhere" in words
    assert "no such" in words
    (runs / "empty").mkdir()
    words = nirgan(*command, "empty").refused
    assert "empty: " in words
    assert "no pictures" in words or "the folder is empty" in words
    assert not Path("out").exists()


def test_pictures_without_partner_are_named(nirgan: Nirgan, pairs: Path) -> None:
    for file in sorted((pairs / "rgb").iterdir())[:6]:
        file.unlink()
    lonely = [str(Path("pairs", "nir", file.name)) for file in sorted((pairs / "nir").iterdir())[:6]]
    words = nirgan(*COMMANDS["train"], "pairs").refused
    assert words.startswith("6 pictures have no partner in ")
    assert all(name in words for name in lonely[:5])
    assert lonely[5] not in words
    assert "--pairing unpaired" in words
    assert not Path("out").exists()


def test_translate_does_the_good_ones_and_lists_the_bad(nirgan: Nirgan, runs: Path) -> None:
    (runs / "in").mkdir()
    bad = write_bad_pictures(runs / "in")
    (runs / "in" / "good.png").write_bytes(png())
    ended = nirgan(*COMMANDS["translate"], "in", "--json")
    ended.failed(*bad)
    result = json.loads(ended.out)
    assert [Path(path).name for path in result["written"]] == ["good.png"]
    said = {Path(failure["path"]).name: failure["error"] for failure in result["failed"]}
    assert {name: words in said[name] for name, words in bad.items()} == dict.fromkeys(bad, True)
    assert files_below(runs / "out") == {"good.png"}
    for name in bad:
        assert name in nirgan(*COMMANDS["translate"], Path("in", name), "--overwrite").refused
    assert files_below(runs / "out") == {"good.png"}


def spoil(pairs: Path) -> dict[str, str]:
    """Put bad pictures in the place of all sources but the first two; what is said of each, by its new name."""
    (pairs / "bad").mkdir()
    bad = {name: words for name, words in write_bad_pictures(pairs / "bad").items() if name != "bomb.png"}
    names = {}
    for file, (name, words) in zip(sorted((pairs / "nir").iterdir())[2:], bad.items(), strict=True):
        file.unlink()
        names[file.with_suffix(Path(name).suffix).name] = words
        shutil.move(pairs / "bad" / name, file.with_suffix(Path(name).suffix))
    shutil.rmtree(pairs / "bad")
    return names


def test_train_goes_on_without_the_bad_ones_and_lists_them(nirgan: Nirgan, pairs: Path) -> None:
    bad = spoil(pairs)
    stems = [file.stem for file in sorted((pairs / "rgb").iterdir())]
    (pairs / "split.csv").write_text("set,name,split\n" + "".join(f"pairs,{stem},train\n" for stem in stems))
    ended = nirgan(*COMMANDS["train"], "pairs", "--steps", "4", "--batch-size", "2", "--json")
    said = ended.failed(*bad)
    assert json.loads(ended.out)["steps"] == 4
    for name, words in bad.items():
        assert any(name in line and words in line for line in said.splitlines())
    assert Path("out", "checkpoints", "last", "weights.safetensors").is_file()


def test_evaluate_scores_the_good_ones_and_lists_the_bad(nirgan: Nirgan, runs: Path, pairs: Path) -> None:
    bad = spoil(pairs)
    cut = sorted((pairs / "rgb").iterdir())[1]
    cut.write_bytes(bomb())
    bad[cut.name] = "more than the limit"
    ended = nirgan(*COMMANDS["evaluate"], "pairs", "--json")
    said = ended.failed(*bad)
    assert json.loads(ended.out)["count"] == 1
    for name, words in bad.items():
        assert any(name in line and words in line for line in said.splitlines())
    assert files_below(runs / "out") == {"metrics.json", "per_image.csv"}


def test_the_limit_of_pixels_can_be_set(nirgan: Nirgan, runs: Path, pairs: Path) -> None:
    train = (*COMMANDS["train"], "pairs", "--steps", "1")
    words = nirgan(*train, "--set", "dataset.max_pixels=1919").refused
    assert "48x40 pixels are more than the limit of 1,919" in words
    assert "--max-pixels" in words
    assert "dataset.max_pixels" in words
    assert not Path("out").exists()
    assert nirgan(*train, "--set", "dataset.max_pixels=1920").code == 0
    shutil.rmtree("out")
    (runs / "a.png").write_bytes(png())
    for command, data in (("translate", "a.png"), ("evaluate", "pairs")):
        assert "more than the limit of 1,919" in nirgan(*COMMANDS[command], data, "--max-pixels", 1919).refused
        assert nirgan(*COMMANDS[command], data, "--max-pixels", 1920).code == 0


def test_pairs_of_two_sizes(nirgan: Nirgan, runs: Path, pairs: Path) -> None:
    odd = sorted((pairs / "nir").iterdir())[3]
    odd.write_bytes(png(41, 48))
    words = nirgan(*COMMANDS["train"], "pairs").refused
    assert f"pairs/{odd.stem} (48×41 and 48×40)" in words
    assert "--pairing unregistered" in words
    assert not Path("out").exists()
    nirgan(*COMMANDS["evaluate"], "pairs").failed(odd.stem)


def test_a_pair_with_a_bomb_is_refused_before_it_is_decoded(nirgan: Nirgan, pairs: Path) -> None:
    odd = sorted((pairs / "nir").iterdir())[3]
    odd.write_bytes(bomb())
    assert f"pairs/{odd.stem} (60000×60000 and 48×40)" in nirgan(*COMMANDS["train"], "pairs").refused


def test_a_crop_larger_than_the_smallest_picture(nirgan: Nirgan, pairs: Path) -> None:
    words = nirgan(*COMMANDS["train"], "pairs", "--crop", "64").refused
    assert "smaller than the crop of 64" in words
    assert "(48×40): use --crop 32, or leave the small ones out" in words
    assert not Path("out").exists()


def test_a_crop_that_is_advised_is_one_that_the_model_takes(nirgan: Nirgan, runs: Path) -> None:
    write_scenes(runs / "pairs", 4, size=(50, 60))
    levels = "options.levels=5"  # whole multiples of 32
    words = nirgan(*COMMANDS["train"], "pairs", "--crop", "64", "--set", levels).refused
    assert "(60×50): use --crop 32, or leave" in words
    words = nirgan(*COMMANDS["train"], "pairs", "--crop", "64", "--set", "options.levels=6").refused
    assert "(60×50): no crop so small works with these options: leave the small ones out" in words


@pytest.mark.parametrize("model", ["pix2pix", "asym-cyclegan"])
def test_a_batch_of_one_trains(nirgan: Nirgan, pairs: Path, model: str) -> None:
    command = ("train", "--model", model, *QUICK, "--data", "pairs", "--steps", "2", "--batch-size", "1")
    assert nirgan(*command, "--set", "options.norm=batch").code == 0


def test_one_broken_picture_alone_is_no_data(nirgan: Nirgan, pairs: Path) -> None:
    for file in (pairs / "nir").iterdir():
        file.write_text("no picture")
    words = nirgan(*COMMANDS["train"], "pairs").refused
    assert "no source can be read, the first because: " in words
    assert not Path("out").exists()


def test_good_pictures_stay_readable_after_all() -> None:
    """The pictures above are bad for the reason that is said, not for how they are made here."""
    assert cv2.imdecode(np.frombuffer(png(), np.uint8), cv2.IMREAD_UNCHANGED).shape == (40, 48)
