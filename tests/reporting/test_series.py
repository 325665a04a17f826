"""Several methods in turn, and what their results look like in files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.models import recipe_class
from nirgan.reporting.series import check_same_pictures, run_in_turn, score_once, settings_of, train_once
from nirgan.reporting.sheets import csv_table, markdown_table, plain, scores


def test_what_fails_is_named_and_the_rest_is_written() -> None:
    said: list[str] = []
    written: list[dict[str, int]] = []

    def measure(name: str) -> int:
        if name == "b":
            raise NirganError("no luck")
        return len(name)

    def write(results: Mapping[str, int]) -> None:
        written.append(dict(results))

    assert run_in_turn(["a", "b", "cc"], measure, write, say=said.append) == ["b"]
    assert written == [{"a": 1}, {"a": 1, "cc": 2}]
    assert said == ["a (1 of 3)", "b (2 of 3)", "cc (3 of 3)", "left out: b: no luck"]


def test_a_name_stands_for_a_recipe_and_options_that_are_on() -> None:
    settings = settings_of(["pix2pix", "pix2pix+registration"], {"preset": "tiny"}, minutes=3)
    assert settings["pix2pix"] == {"preset": "tiny", "minutes": 3, "model": "pix2pix", "options": {}}
    assert settings["pix2pix+registration"]["options"] == {"registration": True}
    with pytest.raises(NirganError, match="no option 'registratoin'.*did you mean 'registration'"):
        settings_of(["pix2pix+registratoin"], {"preset": "tiny"}, minutes=3)


def test_a_file_is_a_method_of_its_own_settings(tmp_path: Path) -> None:
    file = tmp_path / "strong.yaml"
    file.write_text("model: pix2pix\noptions: {lambda_l1: 300.0}\n")
    settings = settings_of(["pix2pix", str(file)], {"preset": "tiny"}, minutes=3, steps=["strong=7"])
    assert settings["strong"] == {"model": "pix2pix", "options": {"lambda_l1": 300.0}, "preset": "tiny", "steps": 7}
    assert list(settings) == ["pix2pix", "strong"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: pix2pix\npreset: small\n", "preset must be alike in all"),
        ("model: pix2pix\nsteps: 3\n", "steps must be alike in all"),
        ("model: pix2pix\noptions: {lambda_l2: 1.0}\n", "did you mean 'lambda_l1'"),
    ],
)
def test_a_file_that_says_what_all_share_or_what_there_is_not_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "made.yaml"
    file.write_text(text)
    with pytest.raises(NirganError, match=words):
        settings_of([str(file)], {"preset": "tiny"}, minutes=3)


def test_two_methods_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "pix2pix.yaml"
    file.write_text("model: pix2pix\noptions: {lambda_l1: 1.0}\n")
    with pytest.raises(NirganError, match="another method called pix2pix"):
        settings_of(["pix2pix", str(file)], {"preset": "tiny"}, minutes=3)


def test_steps_are_said_of_all_or_of_one() -> None:
    methods, common = ["pix2pix", "unit", "s-shape"], {"preset": "tiny"}
    settings = settings_of(methods, common, minutes=3, steps=["unit=7", "5"])
    assert [settings[method]["steps"] for method in methods] == [5, 7, 5]
    assert not any("minutes" in given for given in settings.values())
    settings = settings_of(methods, common, minutes=3, steps=["unit=7"])
    assert [settings[method].get("minutes") for method in methods] == [3, None, 3]
    for wrong in ("0", "unit=", "many", "cyclegan=5"):
        with pytest.raises(
            NirganError, match=f"--steps {wrong}: give a number of steps, or METHOD=N with one of pix2p"
        ):
            settings_of(methods, common, minutes=3, steps=[wrong])


@pytest.mark.parametrize(
    ("method", "common", "words"),
    [
        ("nirgan-base+registration", {"task": "gray2rgb"}, r"nirgan-base\+registration: .*registration"),
        ("pix2pix", {"crop": 1}, "pix2pix: .*crop"),
    ],
)
def test_what_a_recipe_cannot_be_built_with_is_refused(method: str, common: dict[str, Any], words: str) -> None:
    with pytest.raises(NirganError, match=words):
        settings_of([method], {"preset": "tiny", **common}, minutes=3)


def test_a_run_is_the_same_if_all_its_settings_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scenes(tmp_path / "pairs", 10, size=(64, 64))
    given = {"model": "mean-color", "preset": "tiny", "data": [str(tmp_path / "pairs")], "options": {}}
    run = tmp_path / "run"
    config, record = run / "config.yaml", train_once(run, given)
    assert train_once(run, {**given, "seed": 0}) == record  # as the default, which nobody gave before
    stored = config.read_text()
    assert "max_pixels: 400000000\n" in stored
    config.write_text(stored.replace("  max_pixels: 400000000\n", ""))  # as of a version that did not have it
    assert train_once(run, given) == record
    changed = {**recipe_class("mean-color").presets["tiny"], "crop": 48}
    monkeypatch.setattr(recipe_class("mean-color"), "presets", {"tiny": changed})
    with pytest.raises(NirganError, match="trained with crop .*, and 48 was asked for: give another --out"):
        train_once(run, given)


def test_only_other_weights_are_scored_again(
    make_run: Callable[..., Path], make_weights: Callable[..., Path], tmp_path: Path
) -> None:
    checkpoint, out = make_run() / "checkpoints" / "best", tmp_path / "scores"
    first = score_once(checkpoint, out)
    written = (out / "metrics.json").stat().st_mtime_ns
    assert score_once(checkpoint, out)["metrics"] == first["metrics"]
    assert (out / "metrics.json").stat().st_mtime_ns == written
    make_weights(checkpoint / "weights.safetensors", colour=(0.1, 0.2, 0.3))
    assert score_once(checkpoint, out)["metrics"] != first["metrics"]


def test_scores_of_other_pictures_stand_in_no_table() -> None:
    one = {"protocol": "nirgan-1", "data": {"hash": "a"}, "count": 3}
    check_same_pictures([one, dict(one)])
    for other in ({**one, "count": 2}, {**one, "data": {"hash": "b"}}):
        with pytest.raises(NirganError, match="2 different sets of pictures"):
            check_same_pictures([one, other])


def test_tables_as_files() -> None:
    assert markdown_table(["model", "psnr"], [["a|b", 1.5]]) == "| model | psnr |\n| --- | ---: |\n| a\\|b | 1.5 |\n"
    rows = list(csv.DictReader(io.StringIO(csv_table([{"a": 1}, {"a": 2, "b": None, "c": "x,y"}]))))
    assert rows == [{"a": "1", "b": "", "c": ""}, {"a": "2", "b": "", "c": "x,y"}]
    of = {"ssim": {"mean": 0.12345, "low": 0.1, "high": 0.2}}
    assert scores(of)[2] == "0.123 [0.100, 0.200]"
    assert scores(of, interval=False) == ["-", "-", "0.123", "-", "-"]
    assert (plain(of)["ssim"], plain(of)["ssim_low"], plain(of)["psnr"]) == (0.12345, 0.1, None)
