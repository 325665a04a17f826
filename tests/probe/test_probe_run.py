"""A probe from weights to accuracies, its data and its control."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from nirgan.data.sample import Pairing, Sample
from nirgan.data.square import central_source
from nirgan.errors import NirganError
from nirgan.models.weights import load_recipe, read_info
from nirgan.probe.classes import open_classes
from nirgan.probe.report import PLOT, ROWS, SUMMARY, probe_table, write_probe
from nirgan.probe.run import probe
from nirgan.probe.twin import untrained_twin

QUICK = {"epochs": 8, "size": 32}


def test_brightness_is_in_the_first_block_trained_or_not(probe_weights: Path, class_folder: Path) -> None:
    done: list[tuple[int, int]] = []
    given = {**QUICK, "on_progress": lambda *now: done.append(now)}
    summary = probe(probe_weights, [str(class_folder)], **given)
    assert summary["counts"] == {"train": 32, "test": 8}
    assert summary["data"]["classes"] == ["dark", "light"]
    assert summary["chance"] == 50
    assert (summary["task"], summary["weights"]["step"], summary["failed"]) == ("gray2rgb", 7, [])
    names = [row["layer"] for row in summary["layers"]]
    assert names[0] == "generator.encoder.0"
    assert names[-1] == "generator.out"
    first = summary["layers"][0]
    assert (first["channels"], first["cells"]) == (4, 16 * 16)
    assert first["trained"] == first["random"] == {"mean": 100, "low": 100, "high": 100}
    assert first["difference"]["mean"] == 0
    assert first["fit"] == 100
    assert done[0] == (0, 40 + 2 * 8 * 32)
    assert done[-1] == (40 + 2 * 8 * 32, 40 + 2 * 8 * 32)
    assert any("split made" in note for note in summary["notes"])
    json.dumps(summary, allow_nan=False)


def test_two_probes_are_equal_and_another_seed_draws_another_twin(probe_weights: Path, class_folder: Path) -> None:
    layers = ["generator.encoder.1", "generator.out"]
    summaries = [probe(probe_weights, [str(class_folder)], layers=layers, **QUICK) for _ in range(2)]
    assert summaries[0] == summaries[1]
    assert [row["layer"] for row in summaries[0]["layers"]] == layers


def test_folders_of_splits_are_taken_as_they_are(probe_weights: Path, class_folder: Path, tmp_path: Path) -> None:
    for split, numbers in (("train", range(12)), ("val", range(12, 20))):
        for name in ("dark", "light"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in numbers:
                shutil.copy(class_folder / name / f"{number:03d}.png", tmp_path / split / name)
    classes = open_classes([str(tmp_path)], read_info(probe_weights))
    assert (len(classes.train), len(classes.test)) == (24, 16)
    assert classes.names == ["dark", "light"]
    assert not classes.notes
    assert {classes.label(record) for record in classes.records} == {0, 1}


def test_pictures_without_a_class_to_learn_are_counted(probe_weights: Path, class_folder: Path, tmp_path: Path) -> None:
    for name in ("train/dark/a", "train/light/a", "train/bare", "val/dark/a", "val/dim/a", "val/dim/b", "val/odd/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(class_folder / "dark" / "000.png", tmp_path / f"{name}.png")
    classes = open_classes([str(tmp_path)], read_info(probe_weights))
    assert (len(classes.train), len(classes.test), classes.names) == (2, 1, ["dark", "light"])
    assert classes.notes == [
        f"left out, because they lie in no class's folder: 1 (first: {tmp_path / 'train' / 'bare.png'})",
        "left out, because there are none of their class to learn from: 3 (dim, odd)",
    ]


def test_data_without_classes_is_refused(probe_weights: Path, class_folder: Path) -> None:
    with pytest.raises(NirganError, match=r"0 classes to train on.*a folder for each class"):
        open_classes([str(class_folder / "dark")], read_info(probe_weights))


def test_a_network_for_near_infrared_can_be_shown_lightness(
    make_probe_weights: Callable[..., Path], class_folder: Path, tmp_path: Path
) -> None:
    weights = make_probe_weights(tmp_path / "nir.safetensors", task="nir2rgb")
    with pytest.raises(NirganError, match="the task gray2rgb"):
        probe(weights, [str(class_folder)], **QUICK)
    summary = probe(weights, [str(class_folder)], task="gray2rgb", layers=["generator.encoder.0"], **QUICK)
    assert summary["layers"][0]["trained"]["mean"] == 100


def test_broken_pictures_are_left_out_and_named(probe_weights: Path, class_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(class_folder, tmp_path / "toys")
    (tmp_path / "toys" / "dark" / "003.png").write_bytes(b"no picture")
    summary = probe(probe_weights, [str(tmp_path / "toys")], layers=["generator.encoder.0"], **QUICK)
    assert sum(summary["counts"].values()) == 39
    assert ["003.png" in failure for failure in summary["failed"]] == [True]
    assert summary["layers"][0]["trained"]["mean"] == 100


def test_layers_that_give_no_maps_are_said(probe_weights: Path, class_folder: Path) -> None:
    with pytest.raises(NirganError, match=r"none of generator\.encoder gives maps"):
        probe(probe_weights, [str(class_folder)], layers=["generator.encoder"], **QUICK)
    both = ["generator.encoder", "generator.out"]
    summary = probe(probe_weights, [str(class_folder)], layers=both, **QUICK)
    assert any("generator.encoder" in note for note in summary["notes"])
    assert [row["layer"] for row in summary["layers"]] == ["generator.out"]


def test_the_twin_has_learned_nothing_and_leaves_the_random_numbers(probe_weights: Path) -> None:
    recipe, info = load_recipe(probe_weights)
    state = torch.get_rng_state()
    twin, again, other = (untrained_twin(recipe, info, seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    weights = [net.network("generator").state_dict() for net in (recipe, twin, again, other)]
    name = "encoder.0.0.weight"
    assert not torch.equal(weights[0][name], weights[1][name])
    assert torch.equal(weights[1][name], weights[2][name])
    assert not torch.equal(weights[1][name], weights[3][name])
    assert not twin.training


def test_the_middle_of_a_picture_is_seen() -> None:
    source = torch.zeros(1, 6, 20)
    source[..., 7:13] = 0.5
    sample = Sample(source, None, Pairing.REGISTERED, "set/name", Path("name.png"), 1.0)
    seen = central_source(sample, 12)
    assert seen.shape == (1, 12, 12)
    assert torch.allclose(seen, torch.tensor(0.5))


def test_files_hold_what_the_table_shows(
    probe_weights: Path, class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = probe(probe_weights, [str(class_folder)], layers=["generator.encoder.0", "generator.out"], **QUICK)
    table = probe_table(summary)
    assert table.row_count == 2
    assert str(table.title).startswith(f"{summary['weights']['model']}, 7 steps: 2 classes, 32 pictures to learn from")
    assert [column.header for column in table.columns] == ["layer", "numbers", "trained", "random", "trained − random"]
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as if it were not installed
    assert write_probe(tmp_path / "bare", summary) is False
    assert sorted(path.name for path in (tmp_path / "bare").iterdir()) == [ROWS, SUMMARY]
    assert json.loads((tmp_path / "bare" / SUMMARY).read_text()) == summary
    header, *rows = (tmp_path / "bare" / ROWS).read_text().splitlines()
    assert header.split(",")[:6] == ["layer", "channels", "cells", "trained", "trained_low", "trained_high"]
    assert rows[0].split(",")[:4] == ["generator.encoder.0", "4", "256", "100.0"]


def test_the_plot_is_a_picture(probe_weights: Path, class_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    summary = probe(probe_weights, [str(class_folder)], layers=["generator.out"], **QUICK)
    assert write_probe(tmp_path, summary) is True
    picture = cv2.imread(str(tmp_path / PLOT))
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 3
