"""The program that puts visible light into near-infrared pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from command_line import Ended

from nirgan.data.files import read_picture, write_picture


def test_sources_hold_so_much_of_the_truths_luminance(program: Callable[..., Ended], tmp_path: Path) -> None:
    source, target = np.full((4, 6, 1), 100, np.uint8), np.zeros((4, 6, 3), np.uint8)
    target[0, 0], target[0, 1], target[0, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)  # and the rest black
    write_picture(tmp_path / "pairs" / "nir" / "a.png", source)
    write_picture(tmp_path / "pairs" / "rgb" / "a.png", target)
    arguments = ("--data", "pairs", "--split", "all", "--share", 0.25, "--out", "leaky")
    done = program("leaky-pairs", *arguments)
    assert (done.code, done.err) == (0, "leaky: 1 pairs, 25% of each source visible light\n")
    leaky = read_picture(Path("leaky/pairs/nir/a.png")).pixels.squeeze()
    assert leaky.dtype == np.uint16
    values = [0.25 * 255 * weight + 75 for weight in (0.299, 0.587, 0.114, 0)]
    assert [*leaky[0, :3], leaky[3, 5]] == [round(257 * value) for value in values]
    assert np.array_equal(read_picture(Path("leaky/pairs/rgb/a.png")).pixels, 257 * target.astype(np.uint16))
    again = program("leaky-pairs", *arguments)
    assert again.code == 2
    assert "leaky is there already: give a new folder" in again.err


def test_pictures_without_a_truth_under_them_are_refused(program: Callable[..., Ended], tmp_path: Path) -> None:
    for side in ("trainA", "trainB"):
        write_picture(tmp_path / "pairs" / side / f"{side}.png", np.full((4, 4, 3), 100, np.uint8))
    done = program("leaky-pairs", "--data", "pairs", "--split", "all", "--share", 0.1, "--out", "leaky")
    assert done.code == 2
    assert "not a registered pair, so no light of its truth can be put in its place" in done.err
    assert not Path("leaky").exists()
