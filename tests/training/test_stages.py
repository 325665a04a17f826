"""Stages: their share of the run, fresh starts, copies, views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import InMemory, ToyGan, one_process

from nirgan.models.recipe import At, Optimiser, Phase, Stage
from nirgan.models.weights import WeightsInfo
from nirgan.monitoring.progress import Silent
from nirgan.training.limits import Horizon, Limits
from nirgan.training.output import Best, Output
from nirgan.training.runtime import Runtime
from nirgan.training.stage import Method
from nirgan.training.trainer import Cadence, Trainer
from nirgan.training.trouble import Look

SGD = Optimiser("sgd", lr=0.01, betas=(0.9, 0.0))


class Staged(ToyGan):
    """First the generator alone, then a copy of it and the discriminator, whose batch norm is frozen."""

    def __init__(self) -> None:
        super().__init__(noise=False)
        self.networks["copy"] = ToyGan(noise=False).networks["generator"]
        first = Stage("first", (Phase("g", ("generator",), optimiser=SGD),), share=1.0)
        second = Stage(
            "second",
            (Phase("d", ("discriminator", "copy"), optimiser=SGD),),
            view=lambda at: "unpaired" if at.step % 2 else "image",
            share=3.0,
            batch_size=3,
            starts_from={"copy": "generator"},
            eval_mode=("discriminator.1",),
        )
        self.stages = (first, second)
        self.seen: list[tuple[At, int, tuple[bool, ...]]] = []

    def forward(self, batch: Any, at: At) -> dict[str, Any]:
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        modes = (generator.training, discriminator.training, discriminator[1].training)
        self.seen.append((at, len(batch["source"]), modes))
        return super().forward(batch, at)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return one_process()


def build(recipe: ToyGan, runtime: Runtime, steps: int = 8, output: Output | None = None) -> tuple[Trainer, InMemory]:
    batches = InMemory(steps_per_epoch=4)
    trainer = Trainer(
        recipe,
        batches,
        Horizon(Limits(steps=steps), 4),
        runtime,
        method=Method(batch_size=2, ema_decay=0.5),
        cadence=Cadence(log=0, validate=1, samples=0, save=0),
        output=output or Output(WeightsInfo(model="toy", task="nir2rgb")),
        progress=Silent(),
    )
    return trainer, batches


def test_stages_take_their_share_with_their_own_view_and_batch(runtime: Runtime) -> None:
    recipe = Staged()
    trainer, batches = build(recipe, runtime)
    start = {name: value.clone() for name, value in recipe.networks["copy"].state_dict().items()}
    trainer.run()
    ats = [at for at, _, _ in recipe.seen]
    assert [at.stage for at in ats] == ["first"] * 2 + ["second"] * 6
    assert [at.progress for at in ats] == pytest.approx([0, 0.5, *(i / 6 for i in range(6))])
    assert [(at.step, at.epoch, at.step_in_epoch) for at in ats][3:5] == [(3, 0, 3), (4, 1, 0)]
    assert [size for _, size, _ in recipe.seen] == [2] * 2 + [3] * 6
    assert [modes for _, _, modes in recipe.seen] == [(True, False, False)] * 2 + [(False, True, False)] * 6
    assert batches.views == ["image", "image", "image", "unpaired", "image", "unpaired", "image", "unpaired"]
    copied, now = recipe.networks["generator"].state_dict(), recipe.networks["copy"].state_dict()
    assert not torch.equal(copied["0.weight"], start["0.weight"])
    assert torch.equal(now["0.weight"], copied["0.weight"])  # a copy of what the first stage had trained
    assert trainer.at(7).epoch == 1


def test_a_stage_starts_with_fresh_optimisers_and_average(runtime: Runtime) -> None:
    recipe = Staged()
    recipe.stages = (
        Stage("one", (Phase("g", ("generator",), optimiser=SGD),)),
        Stage("two", (Phase("g", ("generator",), optimiser=SGD),)),
    )
    trainer, _ = build(recipe, runtime, steps=4)
    seen = []
    real = trainer._enter_stage

    def enter(index: int) -> None:
        before = trainer._stage
        real(index)
        seen.append((before.updates[0].optimiser.state, trainer._stage.updates[0].optimiser.state))
        assert before.ema is not None
        assert trainer._stage.ema is not None
        assert (before.ema.updates, trainer._stage.ema.updates) == (2, 0)

    trainer._enter_stage = enter  # type: ignore[method-assign]
    trainer.run()
    assert len(seen) == 1
    assert len(seen[0][0]) > 0


def test_what_a_stage_leaves_is_its_average(runtime: Runtime) -> None:
    torch.manual_seed(1)
    recipe = Staged()
    trainer, _ = build(recipe, runtime)
    trainer._progress = StopAt(trainer, 2)  # where the first stage ends
    trainer.run()
    averages = {name: value.clone() for name, value in trainer.state_dict()["ema"]["average"].items()}
    raw = recipe.state_dict()
    assert any(not torch.equal(value, raw[name]) for name, value in averages.items())
    torch.manual_seed(1)
    recipe = Staged()
    trainer, _ = build(recipe, runtime)
    trainer.run()
    left = recipe.state_dict()
    assert set(averages) == {name for name, _ in recipe.named_parameters() if name.startswith("networks.generator.")}
    assert all(torch.equal(value, left[name]) for name, value in averages.items())


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_state_of_any_step_goes_on_in_its_stage(runtime: Runtime, cut: int, tmp_path: Path) -> None:
    def finished(first: int | None) -> dict[str, Any]:
        torch.manual_seed(1)
        recipe = Staged()
        trainer, _ = build(recipe, runtime)
        if first is not None:
            trainer._progress = StopAt(trainer, first)
            trainer.run()
            torch.save(trainer.state_dict(), tmp_path / "state.pt")
            torch.manual_seed(2)
            recipe = Staged()
            trainer, _ = build(recipe, runtime)
            trainer.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
            assert trainer.step == first
        trainer.run()
        return {name: v for name, v in recipe.state_dict().items() if isinstance(v, torch.Tensor)}

    whole, resumed = finished(None), finished(cut)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


class Given:
    """A judge with given scores."""

    def __init__(self, *scores: float) -> None:
        self._scores = list(scores)
        self.failed: list[str] = []
        self.looks: list[Look] = []

    def scores(self) -> dict[str, float]:
        return {"psnr": self._scores.pop(0)}


@pytest.mark.parametrize("cut", [None, 2, 3, 4])
def test_patience_ends_a_stage_and_the_run_with_the_last_one(runtime: Runtime, cut: int | None) -> None:
    scores = [9.0, 8.0, 7.0, 1.0, 2.0, 3.0, 3.0, 3.0]  # the second stage begins lower, and gets better

    def output(first: int = 0) -> Output:
        return Output(WeightsInfo(model="toy", task="nir2rgb"), judge=Given(*scores[first:]), best=Best("psnr", 2))

    recipe = Staged()
    trainer, _ = build(recipe, runtime, steps=20, output=output())
    if cut is not None:
        trainer._progress = StopAt(trainer, cut)
        trainer.run()
        seen, state = recipe.seen, trainer.state_dict()
        recipe = Staged()
        trainer, _ = build(recipe, runtime, steps=20, output=output(cut))
        trainer.load_state_dict(state)
        recipe.seen = seen
    trainer.run()
    ats = [at for at, _, _ in recipe.seen]
    assert [at.stage for at in ats] == ["first"] * 3 + ["second"] * 5
    assert [at.progress for at in ats] == pytest.approx([0, 1 / 5, 2 / 5, *(i / 17 for i in range(5))])
    assert [(at.epoch, at.step_in_epoch) for at in ats] == [divmod(step, 4) for step in range(8)]
    assert trainer.step == 8


class StopAt(Silent):
    """As if a signal came in a step."""

    def __init__(self, trainer: Trainer, step: int) -> None:
        self._trainer, self._at = trainer, step

    def step(self, step: int, total: int | None) -> None:
        if step == self._at:
            self._trainer._signals.received = 15


def test_compiled_networks_keep_their_names_and_train(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    recipe = ToyGan()
    names = list(recipe.state_dict())
    batches = InMemory()
    Trainer(
        recipe,
        batches,
        Horizon(Limits(steps=1), 4),
        runtime,
        method=Method(compile=True),
        cadence=Cadence(),
        output=Output(WeightsInfo(model="toy", task="nir2rgb")),
        progress=Silent(),
    )
    assert compiled == ["Sequential", "Sequential"]
    assert list(recipe.state_dict()) == names


def test_another_number_of_processes_goes_on_with_a_sentence(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    trainer, _ = build(ToyGan(), runtime, steps=2)
    trainer.run()
    state = trainer.state_dict()
    state["processes"] = state["processes"] * 3
    again, _ = build(ToyGan(), runtime, steps=4)
    again.load_state_dict(state)
    assert "interrupted with 3 processes and goes on with 1" in caplog.text
    again.run()
    assert again.step == 4
