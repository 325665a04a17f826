"""Which pictures are scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from nirgan.data.places import BUILT_IN
from nirgan.errors import NirganError
from nirgan.models.weights import WeightsInfo, read_info
from nirgan.reporting.choose import Choice, choose_data
from nirgan.reporting.own import run_of
from nirgan.reporting.score_weights import score_weights

WEIGHTS = Path("checkpoints/best/weights.safetensors")
WritePairs = Callable[..., None]


def keys(choice: Choice) -> list[str]:
    return [record.key for record in choice.data.records(choice.split)]


def choose(run: Path, *specs: object, **options: Any) -> Choice:
    return choose_data(run / WEIGHTS, read_info(run / WEIGHTS), [str(spec) for spec in specs], **options)


def test_a_runs_own_data_takes_the_runs_own_split(run: Path, pairs: Path) -> None:
    split = run / "split.csv"
    swapped = split.read_text().replace(",train", ",TEST").replace(",test", ",train").replace(",TEST", ",test")
    split.write_text(swapped)  # unlike the split.csv beside the pictures
    weights, info = run / WEIGHTS, read_info(run / WEIGHTS)
    expected = [f"pairs/{n:04d}" for n in range(4)]
    assert keys(choose_data(weights, info, [])) == expected
    named = choose_data(weights, info, [f"{pairs.parent}/./pairs/"])
    assert named.own
    assert keys(named) == expected


def test_other_data_takes_its_own_split(run: Path, pairs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    pairs.rename(other)
    choice = choose_data(run / WEIGHTS, read_info(run / WEIGHTS), [str(other)])
    assert not choice.own
    assert len(keys(choice)) == 3
    assert choice.notes == []


def test_other_data_without_a_split_is_scored_whole_and_that_is_said(run: Path, pairs: Path, tmp_path: Path) -> None:
    (pairs / "split.csv").unlink()
    other = tmp_path / "other"
    pairs.rename(other)
    summary, _ = score_weights(run, [str(other)])
    assert (summary["count"], summary["split"]) == (8, "all")
    assert "all 8 of its pictures" in summary["notes"][0]
    assert Path(summary["out"]) == run / "evaluation" / "other-all"


def test_weights_outside_a_run_need_data(pairs: Path, make_weights: Callable[..., Path], tmp_path: Path) -> None:
    weights = make_weights(tmp_path / "alone.safetensors")
    assert run_of(weights) is None
    with pytest.raises(NirganError, match="--data"):
        choose_data(weights, read_info(weights), [])
    assert len(keys(choose_data(weights, read_info(weights), [str(pairs)]))) == 3


def test_a_run_without_its_split_is_refused(run: Path) -> None:
    (run / "split.csv").unlink()
    with pytest.raises(NirganError, match=r"split\.csv is missing"):
        choose_data(run / WEIGHTS, read_info(run / WEIGHTS), [])


def test_unpaired_training_is_scored_on_the_same_test_pairs(make_run: Callable[..., Path]) -> None:
    run = make_run(pairing="unpaired")
    with pytest.raises(NirganError, match="--pairing registered"):
        score_weights(run)
    weights = run / WEIGHTS
    choice = choose_data(weights, read_info(weights), [], pairing="registered")
    assert keys(choice) == [f"pairs/{n:04d}" for n in (5, 6, 7)]
    assert score_weights(run, pairing="registered")[0]["count"] == 3


def test_folders_that_split_are_not_scored_whole(run: Path, tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "folders" / "train", ["1", "2", "3"])
    write_pairs(tmp_path / "folders" / "test", ["8", "9"])
    choice = choose(run, tmp_path / "folders")
    assert keys(choice) == ["folders/test/8", "folders/test/9"]
    assert (choice.split, choice.notes) == ("test", [])


def test_of_two_folders_only_the_one_without_a_split_is_scored_whole(
    make_run: Callable[..., Path], pairs: Path, tmp_path: Path, write_pairs: WritePairs
) -> None:
    write_pairs(tmp_path / "loose", ["a", "b"])
    run = make_run(data=[BUILT_IN])
    choice = choose(run, pairs, tmp_path / "loose")
    assert keys(choice) == ["loose/a", "loose/b", "pairs/0005", "pairs/0006", "pairs/0007"]
    assert "loose has no split: all 2 of its pictures" in choice.notes[0]


def test_the_built_in_scenes_of_a_run_keep_its_seed_and_split(make_run: Callable[..., Path]) -> None:
    for trained in ([], [BUILT_IN]):
        run = make_run(data=trained, seed=3)
        default, named = choose(run), choose(run, BUILT_IN)
        assert named.own
        assert named.data.seed == 3
        assert keys(named) == keys(default)
        assert len(keys(named)) == 24
        assert named.folder == "test"


def test_a_runs_data_is_known_by_any_name(run: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pairs / "split.csv").unlink()  # else other data would give the same pictures
    (pairs.parent / "link").symlink_to(pairs)
    monkeypatch.chdir(pairs)
    for spec in (f"nir-rgb:{pairs}", pairs.parent / "link", "."):
        choice = choose(run, spec)
        assert choice.own, spec
        assert keys(choice) == [f"pairs/{n:04d}" for n in (5, 6, 7)]


def test_a_part_of_a_runs_data_keeps_the_runs_split(
    make_run: Callable[..., Path], tmp_path: Path, write_pairs: WritePairs
) -> None:
    folders = [tmp_path / where / "same" for where in ("one", "two")]
    for seed, folder in enumerate(folders):
        write_pairs(folder, [f"{n:02d}" for n in range(20)], seed=seed)
    run = make_run(data=[str(folder) for folder in folders], seed=5)
    whole, part = choose(run), choose(run, folders[1])
    assert part.own
    assert len(keys(part)) == 2
    assert keys(part) == [key for key in keys(whole) if key.startswith("same-2/")]
    assert (whole.folder, part.folder) == ("test", "same-test")
    assert "part of what" in part.notes[0]
    assert choose(run, *reversed(folders)).folder == "test"


def test_a_folder_inside_a_runs_data_keeps_the_runs_split(
    make_run: Callable[..., Path], tmp_path: Path, write_pairs: WritePairs
) -> None:
    for name in ("field", "urban"):
        write_pairs(tmp_path / "sets" / name, [f"{n:02d}" for n in range(20)])
    run = make_run(data=[str(tmp_path / "sets")])
    choice = choose(run, tmp_path / "sets" / "urban", split="train")
    expected = [key for key in keys(choose(run, split="train")) if key.startswith("urban/")]
    assert choice.own
    assert 0 < len(expected) < 20
    assert keys(choice) == expected
    # What came into the folder after training is other data.
    write_pairs(tmp_path / "sets" / "later", ["x"])
    later = choose(run, tmp_path / "sets" / "later")
    assert not later.own
    assert keys(later) == ["later/x"]


def test_a_runs_own_data_and_other_data_are_not_mixed(
    run: Path, pairs: Path, tmp_path: Path, write_pairs: WritePairs
) -> None:
    write_pairs(tmp_path / "other", ["x"])
    with pytest.raises(NirganError, match=r"other: the weights were not trained there.*one after the other"):
        choose(run, pairs, tmp_path / "other")


def test_results_of_different_data_lie_in_different_folders(
    run: Path,
    make_weights: Callable[..., Path],
    tmp_path: Path,
    write_pairs: WritePairs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_pairs(tmp_path / "here", ["x", "y"])
    monkeypatch.chdir(tmp_path / "here")
    assert Path(score_weights(run, ["."])[0]["out"]) == run / "evaluation" / "here-all"
    outs = {score_weights(make_weights(tmp_path / f"{name}.safetensors"), ["."])[0]["out"] for name in ("one", "two")}
    assert outs == {"evaluation/one/here-all", "evaluation/two/here-all"}


def test_a_full_scale_of_the_weights_is_for_files_that_can_mean_it(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    for name, nir in (("a", np.full((16, 16), 2048, np.uint16)), ("b", np.full((16, 16), 51, np.uint8))):
        for side, pixels in (("nir", nir), ("rgb", np.zeros((16, 16, 3), np.uint8))):
            (folder / side).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(folder / side / f"{name}.png"), pixels)

    def levels(weights: float, given: float | None = None) -> list[float]:
        info = WeightsInfo(model="test-tint", task="nir2rgb", full_scale=weights)
        data = choose_data(run / WEIGHTS, info, [str(folder)], full_scale=given).data
        return [float(data.sample(record).source.mean()) for record in data.records()]

    assert levels(4095) == pytest.approx([2048 / 4095, 51 / 255])
    assert levels(255) == pytest.approx([2048 / 65535, 51 / 255])
    assert levels(4095, given=8190) == pytest.approx([2048 / 8190, 51 / 8190])


def test_pictures_of_other_channels_are_refused_in_words(run: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for side, channels, kind in (("nir", 5, "minisblack"), ("rgb", 3, "rgb")):
        (tmp_path / "bands" / side).mkdir(parents=True)
        pixels = draw.integers(0, 255, (20, 26, channels), dtype=np.uint8)
        tifffile.imwrite(tmp_path / "bands" / side / "a.tiff", pixels, photometric=kind, planarconfig="contig")
    with pytest.raises(NirganError, match=r"bands: 5 source channels, but .* takes 1; choose one with --band"):
        score_weights(run, [str(tmp_path / "bands")])
    assert score_weights(run, [str(tmp_path / "bands")], band=4)[0]["count"] == 1
