"""Trouble in whole runs: it is said, it stops nothing, and to look for it changes nothing."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from same_run import differences, state_of
from torch import Tensor, nn
from toy_training import ToyGan, make_at, make_batch, one_process, toy_config

from nirgan.data.files import write_picture
from nirgan.models.recipe import At, Views
from nirgan.monitoring.progress import Silent
from nirgan.registry import MODELS
from nirgan.training import TrainResult, build_output, train
from nirgan.training.stage import Method, StageRun
from nirgan.training.trouble import NormGap, has_batch_norm, norm_gap, watch

EACH_2 = {"every_steps": 2, "samples_every_steps": 0}
OFTEN = {"validation": {"every_steps": 2, "images": 2}, "logging": EACH_2}


class Means(nn.Module):
    """Logits are means of 4 x 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(self.weight * picture, 4).mean(dim=1, keepdim=True)


class Blind(nn.Module):
    """Logits know nothing of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, picture: Tensor) -> Tensor:
        return self.bias.expand(len(picture), 4)


@MODELS.register("toy-dark")
class ToyDark(ToyGan):
    """Outputs are so dark that any mean tells them apart."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.networks["discriminator"] = Means()

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        views = super().forward(batch, at)
        return {**views, "output": 0.1 * views["output"]}


@MODELS.register("toy-blind")
class ToyBlind(ToyGan):
    """The discriminator cannot learn."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.networks["discriminator"] = Blind()

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        own = super().phase_views(phase, views, at)
        return {name: logits + 0 * views["output"].mean() for name, logits in own.items()}


class AnyPairing(ToyGan):
    """Trains on pictures without partners, whether they have them or not."""

    pairings = ("registered", "unpaired")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.stages = (replace(self.stages[0], view="unpaired"),)


@MODELS.register("toy-negative")
class ToyNegative(AnyPairing):
    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return 1 - source.expand(-1, 3, -1, -1)


@MODELS.register("toy-flat")
class ToyFlat(ToyGan):
    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return source.mean(dim=(1, 2, 3), keepdim=True).expand(-1, 3, *source.shape[-2:])


@MODELS.register("toy-stale-norm")
class ToyStaleNorm(AnyPairing):
    """Batch norm that never updates its statistics: right in training, washed out in translation."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        convolution = nn.Conv2d(1, 3, 1, bias=False)
        nn.init.ones_(convolution.weight)
        self.networks["generator"] = nn.Sequential(convolution, nn.BatchNorm2d(3, momentum=0.0), nn.Sigmoid())


def run(pairs: Path, out: Path, **settings: Any) -> TrainResult:
    return train(toy_config(pairs, **settings), out=out, progress=Silent())


def said(caplog: pytest.LogCaptureFixture, about: str) -> list[str]:
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [words for words in warnings if about in words]


def logged(out: Path) -> list[tuple[int, str, float]]:
    return [(int(r["step"]), r["tag"], float(r["value"])) for r in csv.DictReader((out / "metrics.csv").open())]


@pytest.fixture(scope="module")
def grey_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs whose target is the source, three times."""
    folder = tmp_path_factory.mktemp("grey")
    random = np.random.default_rng(0)
    for name in ("nir", "rgb"):
        (folder / name).mkdir()
    for index in range(12):
        pixels = np.repeat(random.integers(0, 256, (24, 24, 1), dtype=np.uint8), 3, axis=2)
        for name in ("nir", "rgb"):
            write_picture(folder / name / f"{index:02d}.png", pixels)
    return folder


# --- discriminators ---


def test_separation_is_logged_as_the_mean_since_the_last_line(pairs: Path, tmp_path: Path) -> None:
    rows: dict[int, list[float]] = {}
    for every in (1, 5):
        run(pairs, tmp_path / str(every), logging={"every_steps": every, "samples_every_steps": 0})
        rows[every] = [v for _, tag, v in logged(tmp_path / str(every)) if tag == "gan/d/separation"]
    assert rows[5] == pytest.approx([sum(rows[1][:5]) / 5, sum(rows[1][5:]) / 5])
    assert len(set(rows[1])) > 1
    assert all(0 <= value <= 1 for value in rows[1])
    tags = {tag for _, tag, _ in logged(tmp_path / "1") if tag.startswith("gan/")}
    assert tags == {"gan/d/separation"}  # the generator's phase has no real pictures


def test_a_perfect_discriminator_is_said_and_training_goes_on(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "SATURATED_STEPS", 6)
    result = run(pairs, tmp_path / "run", model="toy-dark", logging=EACH_2, phases={"d": {"lr": 1e-9}})
    assert result.steps == 10
    (words,) = said(caplog, "discriminator")
    assert words.startswith("step 6: since step 0 the discriminator tells real from generated pictures without fail")
    assert "phases.d.lr" in words


def test_a_blind_discriminator_is_said(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "CHANCE_STEPS", 6)
    assert run(pairs, tmp_path / "run", model="toy-blind", logging=EACH_2).steps == 10
    (words,) = said(caplog, "discriminator")
    assert words.startswith("step 6: since step 0 the discriminator tells real from generated pictures no better than")


def test_a_resumed_run_remembers_what_it_saw(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "SATURATED_STEPS", 6)
    settings: dict[str, Any] = {"model": "toy-dark", "phases": {"d": {"lr": 1e-9}}, "checkpoint": {"every_steps": 4}}
    settings |= {"logging": EACH_2, "optimiser": {"schedule": "constant"}}
    for steps, words in ((4, []), (8, ["step 6: since step 0"]), (12, [])):
        caplog.clear()
        train(
            toy_config(pairs, **settings, steps=steps) if steps == 4 else None,
            out=tmp_path / "run",
            resume=steps > 4,
            given={"steps": steps},
            progress=Silent(),
        )
        assert [line.split(" the ")[0] for line in said(caplog, "discriminator")] == words


# --- pictures ---


@pytest.mark.parametrize(("model", "words"), [("toy-negative", "negatives"), ("toy-flat", "nearly of one colour")])
def test_what_validation_shows_is_said_once(
    model: str, words: str, grey_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(grey_pairs, tmp_path / "run", model=model, **OFTEN).steps == 10
    assert [line.split(" the ")[0].split(" each ")[0] for line in said(caplog, words)] == ["step 4: since step 2"]


def test_healthy_pictures_are_not_mentioned(grey_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(grey_pairs, tmp_path / "run", **OFTEN)
    assert said(caplog, "since step") == []


def test_without_validation_the_sample_grids_show_it(
    grey_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"validation": {"every_steps": 0}, "logging": {"every_steps": 5, "samples_every_steps": 2, "samples": 2}}
    run(grey_pairs, tmp_path / "run", model="toy-negative", pairing="unpaired", **settings)
    assert [line.split(" the ")[0] for line in said(caplog, "negatives")] == ["step 4: since step 2"]


# --- batch norm ---


def test_statistics_that_do_not_fit_are_said(
    grey_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(grey_pairs, tmp_path / "run", model="toy-stale-norm", **OFTEN)
    (words,) = said(caplog, "batch norm")
    assert words.startswith("step 4: since step 2 L1 to the target on training crops is 0.2")
    assert "--batch-size" in words


def test_unpaired_outputs_are_compared_with_each_other(
    grey_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(norm_gap, "APART", 0.05)
    settings = {"validation": {"every_steps": 0}, "logging": {"every_steps": 5, "samples_every_steps": 2, "samples": 2}}
    run(grey_pairs, tmp_path / "run", model="toy-stale-norm", pairing="unpaired", **settings)
    (words,) = said(caplog, "batch norm")
    assert words.startswith("step 4: since step 2 outputs for training crops differ by 0.")


def test_to_look_for_trouble_changes_no_bit(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Any] = []
    measure = NormGap.measure
    monkeypatch.setattr(NormGap, "measure", lambda self: measured.append(measure(self)) or measured[-1])
    run(pairs, tmp_path / "with", **OFTEN)
    assert len(measured) == 5
    assert len({gap.running for gap in measured}) == 5  # of weights that change
    monkeypatch.setattr(build_output, "has_batch_norm", lambda recipe: False)
    run(pairs, tmp_path / "without", **OFTEN)
    assert len(measured) == 5
    states = [state_of(tmp_path / name) for name in ("with", "without")]
    for state in states:
        del state["seconds"], state["output"]
    assert differences(*states) == []


def test_measuring_leaves_modes_statistics_and_random_numbers_alone() -> None:
    recipe = ToyGan(noise=True)
    StageRun(recipe, 0, Method(batch_size=2), one_process()).run_step([make_batch(0)], make_at())
    recipe.eval()
    asked: list[int] = []
    gap = NormGap(recipe, lambda count: asked.append(count) or make_batch(5, count), batch_size=3, paired=True)
    before = {name: value.clone() for name, value in recipe.state_dict().items() if isinstance(value, Tensor)}
    random = torch.get_rng_state()
    first, second = gap.measure(), gap.measure()
    assert first == second
    assert first.difference > 0  # dropout is off in both, so it is the statistics alone
    assert asked == [6]  # two batches of three, once
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, recipe.state_dict()[name]) for name, value in before.items())
    assert not any(module.training for module in recipe.modules())
    assert all(module.track_running_stats for module in recipe.modules() if isinstance(module, nn.BatchNorm2d))


def test_the_gap_by_hand() -> None:
    recipe = ToyStaleNorm()
    recipe.eval()
    batch = make_batch(1, 8)
    x = batch["source"].expand(-1, 3, -1, -1)
    whole = torch.sigmoid((x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt())
    gap = NormGap(recipe, lambda count: {**batch, "target": whole}, batch_size=20, paired=True).measure()
    assert gap.batch == pytest.approx(0, abs=1e-6)
    expected = (torch.sigmoid(x / (1 + 1e-5) ** 0.5) - whole).abs().mean().item()
    assert gap.running == pytest.approx(expected, abs=1e-6)
    assert gap.difference == pytest.approx(expected, abs=1e-6)
    unpaired = NormGap(recipe, lambda count: {"source": batch["source"]}, batch_size=20, paired=False).measure()
    assert (unpaired.running, unpaired.batch) == (None, None)
    assert unpaired.difference == gap.difference


def test_only_networks_that_translate_count() -> None:
    recipe = ToyGan()
    assert has_batch_norm(recipe)
    recipe.networks["generator"] = nn.Sequential(nn.Conv2d(1, 3, 1), nn.InstanceNorm2d(3))
    assert not has_batch_norm(recipe)  # the discriminator's has no say


def test_frozen_norms_do_not_count() -> None:
    recipe = ToyGan()
    recipe.networks["features"] = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3))  # no phase trains it
    recipe.translates_with = ("features",)
    assert not has_batch_norm(recipe)
    recipe.translates_with = ("features", "generator")
    assert has_batch_norm(recipe)


def test_logits_of_another_kind_stop_nothing(pairs: Path, tmp_path: Path) -> None:
    @MODELS.register(f"toy-{tmp_path.name.replace('_', '-')}")
    class Features(ToyGan):
        def phase_views(self, phase: str, views: Views, at: At) -> Views:
            own = super().phase_views(phase, views, at)
            more: Sequence[Any] = [[logits] for logits in own.values()]
            return {**own, "logits_real_all": more, "logits_fake_all": more}

    run(pairs, tmp_path / "run", model=f"toy-{tmp_path.name.replace('_', '-')}", steps=2)
    assert {tag for _, tag, _ in logged(tmp_path / "run") if tag.startswith("gan/")} == {"gan/d/separation"}
