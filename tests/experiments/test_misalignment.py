"""The program that measures what misaligned pairs cost."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from command_line import Ended

from nirgan.data.files import read_picture
from nirgan.reporting.files import read_results

OUT = Path("misalignment")
TINY = ("--preset", "tiny", "--scenes", 6, "--test-scenes", 3, "--size", 36, "--out", OUT)


def test_shifts_trains_scores_and_draws(program: Callable[..., Ended]) -> None:
    models = ("--model", "pix2pix", "--model", "pix2pix+registration")
    arguments = (*TINY, *models, "--shift", 0, "--shift", 4, "--steps", 2)
    done = program("misalignment", *arguments)
    assert done.code == 0, done.err
    with (OUT / "table.csv").open() as file:
        rows = {(row["model"], row["shift_px"]): row for row in csv.DictReader(file)}
    trained = {(name, px) for name in ("pix2pix", "pix2pix+registration", "baseline lookup") for px in ("0.0", "4.0")}
    assert set(rows) == {*trained, ("baseline copy", "0.0")}
    folders = [read_results(folder.parent).summary for folder in OUT.glob("runs/*/evaluation/*/metrics.json")]
    assert len({summary["data"]["hash"] for summary in folders}) == 1  # one aligned truth for all
    assert float(rows["baseline copy", "0.0"]["psnr"]) == folders[0]["baselines"]["copy"]["psnr"]["mean"]
    assert rows["pix2pix", "0.0"]["hash"] != rows["pix2pix", "4.0"]["hash"]
    picture = read_picture(OUT / "plot.png").pixels
    assert picture.shape[:2] == (840, 1200)
    text = (OUT / "table.md").read_text()
    assert "| pix2pix+registration | 4 |" in text
    assert text.count("| pix2pix | 4 |") == 2  # its scores, and what it lost
    assert text.count("| pix2pix | 0 |") == 1
    weights = sorted(OUT.glob("runs/*/checkpoints/last/weights.safetensors"))
    before = [path.stat().st_mtime_ns for path in weights]
    assert program("misalignment", *arguments).code == 0
    assert [path.stat().st_mtime_ns for path in weights] == before
    assert len(before) == 4


def test_scenes_differ_by_their_shift_alone(program: Callable[..., Ended]) -> None:
    assert program("misalignment", *TINY, "--model", "pix2pix", "--shift", 0, "--shift", 8, "--steps", 1).code == 0
    folders = {path.name.split("-")[1]: path for path in (OUT / "scenes").glob("shift-*-seed-0-*")}
    name = sorted(path.name for path in (folders["0"] / "nir").iterdir())[0]
    colours, nirs = ([read_picture(folders[px] / side / name).pixels for px in ("0", "8")] for side in ("rgb", "nir"))
    np.testing.assert_array_equal(*colours)
    assert not np.array_equal(*nirs)
