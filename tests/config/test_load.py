"""Settings: merged in order, checked at once, with the nearest valid name for a typo."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirgan.config import RunConfig, check, dump, merge, parse_overrides, read_yaml, resolve_config
from nirgan.errors import NirganError


def test_overrides_are_nested_and_typed() -> None:
    assert parse_overrides(["optimiser.lr=1e-4", "compile=true", "data=[a, b]", "model=pix2pix"]) == {
        "optimiser": {"lr": 1e-4},
        "compile": True,
        "data": ["a", "b"],
        "model": "pix2pix",
    }


@pytest.mark.parametrize("text", ["steps", "=3", "a.b"])
def test_override_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(NirganError, match="write --set key=value"):
        parse_overrides([text])


def test_later_layers_win_key_by_key() -> None:
    assert merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}) == {"a": {"x": 1, "y": 3}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"modle": "pix2pix"}, "unknown key 'modle'; did you mean 'model'"),
        (
            {"checkpoint": {"every_stepz": 3}},
            "unknown key 'checkpoint.every_stepz'; did you mean 'checkpoint.every_steps'",
        ),
        ({"checkpoint": 3}, "'checkpoint' is a section"),
        ({"steps": "many"}, "steps is 'many'"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"epochs": float("inf")}, "epochs is inf"),
        ({"model": 5}, "model and preset are names"),
        ({"preset": ["tiny"]}, "model and preset are names"),
        ({"steps": 3, "epochs": 2}, "give one of steps, epochs and minutes"),
        ({"preset": "papre"}, "no preset 'papre'; did you mean 'paper'"),
        ({"options": {"widht": 3}}, "no option 'widht'; did you mean 'width'"),
        ({"options": {"width": "wide"}}, "option 'width' is 'wide', but should be a valid integer"),
        ({"task": "gray2depth"}, "task is 'gray2depth'"),
    ],
)
def test_wrong_settings_are_named(values: dict, message: str) -> None:
    with pytest.raises(NirganError) as error:
        resolve_config({"model": "pix2pix", **values})
    assert message in str(error.value)


def test_precision_may_be_a_number_in_yaml() -> None:
    assert resolve_config({"model": "pix2pix", "precision": 32}).precision == "32"


def test_unknown_model_gives_the_nearest() -> None:
    with pytest.raises(NirganError, match="did you mean 'pix2pix'"):
        resolve_config({"model": "pix2pixx"})


def test_preset_lies_under_what_is_given() -> None:
    tiny = resolve_config({"model": "pix2pix", "preset": "tiny"})
    assert resolve_config({"model": "pix2pix", "preset": "tiny", "batch_size": 7}).batch_size == 7
    assert tiny.task == "nir2rgb"
    assert resolve_config({"model": "pix2pix", "preset": "tiny", "minutes": 2.0}).epochs is None


@pytest.mark.parametrize(("task", "metric"), [("nir2rgb", "ssim"), ("gray2rgb", "delta_e")])
def test_the_task_says_what_chooses_the_best_where_nobody_does(task: str, metric: str) -> None:
    given = {"model": "pix2pix", "task": task}
    assert resolve_config(given).validation.metric == metric
    assert f"metric: {metric}\n" in dump(resolve_config(given))
    assert resolve_config({**given, "validation": {"metric": "psnr"}}).validation.metric == "psnr"


def test_features_are_pretrained_in_settings_that_agree() -> None:
    small = {"model": "larsson", "preset": "small"}
    assert not resolve_config(small).features.pretrained  # its options say so
    assert resolve_config({"model": "larsson"}).features.pretrained
    assert not resolve_config({"model": "larsson", "features": {"pretrained": False}}).features.pretrained
    words = "features.pretrained=true, but options.pretrained=false .*preset 'small'.*: change that, too, or leave it"
    with pytest.raises(NirganError, match=words):
        resolve_config({**small, "features": {"pretrained": True}})
    both = {**small, "features": {"pretrained": True}, "options": {"pretrained": True}}
    assert resolve_config(both).options["pretrained"]


def test_dump_reads_back_equal(tmp_path: Path) -> None:
    config = resolve_config({"model": "asym-cyclegan", "preset": "small", "optimiser": {"lr": 1e-5}})
    path = tmp_path / "config.yaml"
    path.write_text(dump(config), encoding="utf-8")
    assert check(read_yaml(path), str(path)) == config


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "- 1", "a: [", "\x00"])
def test_what_is_not_plain_yaml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(NirganError, match="run.yaml"):
        read_yaml(path)


def test_every_setting_has_a_default() -> None:
    assert RunConfig().model == "nirgan-base"


def test_lists_among_the_defaults_are_read_as_they_were(tmp_path: Path) -> None:
    """A constructor has them as tuples, which YAML does not know."""
    config = resolve_config({"model": "nirgan-base"})
    assert config.options["widths"] == [32, 64, 128, 192, 192]
    path = tmp_path / "config.yaml"
    path.write_text(dump(config), encoding="utf-8")
    assert check(read_yaml(path), str(path)) == config
