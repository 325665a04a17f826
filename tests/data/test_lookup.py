"""The lookup baseline, by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nirgan.data import apply_lookup, lookup_table, open_data

Write = Callable[[Path, np.ndarray], None]


def opened(folder: Path, **options):
    return open_data([str(folder)], task="nir2rgb", val_share=0, test_share=0, **options)


def test_table_holds_means_and_interpolates(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "nir" / "a.png", np.array([[10, 10], [20, 40]], np.uint8))
    target = np.array([[[0, 51, 255], [102, 51, 255]], [[255, 51, 0], [0, 51, 0]]], np.uint8)
    write(tmp_path / "rgb" / "a.png", target)
    table = lookup_table(opened(tmp_path))
    assert table is not None
    assert table[10] == pytest.approx([0.2, 0.2, 1])
    assert table[20] == pytest.approx([1, 0.2, 0])
    assert table[15] == pytest.approx([0.6, 0.2, 0.5])  # half way from level 10 to 20
    assert table[0] == pytest.approx(table[10])
    assert table[255] == pytest.approx([0, 0.2, 0])


def test_apply_colours_each_level() -> None:
    table = [[i / 255, 1 - i / 255, 0.5] for i in range(256)]
    source = torch.tensor([[[0.0, 1.0], [100 / 255, 0.3]]])
    output = apply_lookup(table, source)
    assert output.shape == (3, 2, 2)
    assert torch.allclose(output[0], torch.tensor([[0.0, 1.0], [100 / 255, 76 / 255]]))
    assert torch.allclose(output[2], torch.full((2, 2), 0.5))


def test_unpaired_data_has_no_table(tmp_path: Path, write_pairs) -> None:
    assert lookup_table(opened(write_pairs(tmp_path, ["a", "b"]), pairing="unpaired")) is None


def test_broken_pairs_are_left_out(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a", "b"])
    alone = lookup_table(opened(write_pairs(tmp_path / "alone", ["a"])))
    (folder / "nir" / "b.png").write_bytes(b"broken")
    assert lookup_table(opened(folder)) == alone


def test_limit_spreads_over_the_split(tmp_path: Path, write: Write) -> None:
    for index in range(9):
        write(tmp_path / "nir" / f"{index}.png", np.full((4, 4), index * 10, np.uint8))
        write(tmp_path / "rgb" / f"{index}.png", np.full((4, 4, 3), index * 20, np.uint8))
    table = lookup_table(opened(tmp_path), limit=3)  # pictures 0, 4 and 8
    assert table is not None
    assert table[255][0] == pytest.approx(160 / 255)
    assert table[20][0] == pytest.approx(40 / 255)


def test_the_baseline_beats_copying_on_real_pairs(real_data: Path) -> None:
    data = open_data([str(real_data / "nir-vcip")], task="nir2rgb")
    table = lookup_table(data)
    assert table is not None
    errors = {"lookup": 0.0, "copy": 0.0}
    for record in data.records("train"):
        sample = data.sample(record)
        assert sample.target is not None
        errors["lookup"] += float((apply_lookup(table, sample.source) - sample.target).square().mean())
        errors["copy"] += float((sample.source - sample.target).square().mean())
    assert errors["lookup"] < errors["copy"]
