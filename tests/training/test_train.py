"""Runs from settings: what is refused, what is written, when a run ends."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toy_training import ToyGan, toy_config, write_pairs

from nirgan.config import check, read_yaml
from nirgan.data.sample import Sample
from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.models.recipe import At, Views
from nirgan.models.weights import load_recipe, read_weights
from nirgan.monitoring.progress import Silent
from nirgan.registry import MODELS
from nirgan.training import TrainResult, train
from nirgan.training.init_from import take_over
from nirgan.training.output import Best


class Note(Silent):
    """Keeps the log lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, dict[str, float]]] = []

    def line(self, step: int, total: int | None, values: Any) -> None:
        self.lines.append((step, dict(values)))


def run(pairs: Path, out: Path, **settings: Any) -> TrainResult:
    return train(toy_config(pairs, **settings), out=out, progress=Silent())


def logged(out: Path) -> list[tuple[int, str, float]]:
    return [(int(r["step"]), r["tag"], float(r["value"])) for r in csv.DictReader((out / "metrics.csv").open())]


@MODELS.register("toy-unpaired")
class ToyUnpaired(ToyGan):
    pairings = ("unpaired",)


@MODELS.register("toy-any")
class ToyAny(ToyGan):
    pairings = ("registered", "unregistered", "unpaired")


@MODELS.register("toy-grey")
class ToyGrey(ToyGan):
    tasks = ("gray2rgb",)


@MODELS.register("toy-caption")
class ToyCaption(ToyGan):
    fields = ("caption",)


@MODELS.register("toy-prior")
class ToyPrior(ToyGan):
    """Counts its samples before it trains."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.register_buffer("prior", torch.empty(0))

    def prepare(self, samples: Iterable[Sample]) -> None:
        self.prior = torch.stack([sample.source.mean() for sample in samples])


@MODELS.register("toy-mean")
class ToyMean(ToyPrior):
    """Prepared, not trained."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.stages = ()


@MODELS.register("toy-shallow-norm")
class ToyShallowNorm(ToyGan):
    """Batch norm on one point per picture."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.networks["discriminator"] = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1)
        )


@MODELS.register("toy-sized")
class ToySized(ToyGan):
    """Notes how much neighbours differ in what it is taught and in what it translates."""

    seen: ClassVar[dict[bool, list[float]]] = {}

    def __init__(self, *, working_size: int | None = None, training_size: int | None = None, **given: Any) -> None:
        super().__init__(**given)
        self.working_size, self.training_size = working_size, training_size

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        self.seen.setdefault(True, []).append(float(batch["source"].diff(dim=-1).abs().mean()))
        return super().forward(batch, at)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        self.seen.setdefault(False, []).append(float(source.diff(dim=-1).abs().mean()))
        return super().predict(source, conditions)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return F.interpolate(raw, size=source.shape[-2:])


def test_a_run_leaves_what_it_should(pairs: Path, tmp_path: Path) -> None:
    result = run(pairs, tmp_path / "run")
    out = tmp_path / "run"
    names = {path.name for path in out.iterdir()}
    assert {"config.yaml", "split.csv", "environment.json", "metrics.csv", "samples", "checkpoints"} <= names
    assert check(read_yaml(out / "config.yaml"), "x") == toy_config(pairs)
    assert json.loads((out / "environment.json").read_text())["versions"]["torch"] == torch.__version__
    assert (out / "split.csv").read_text().startswith("set,name,category,scene,split\n")
    info, tensors = read_weights(out / "checkpoints" / "last" / "weights.safetensors")
    assert (info.model, info.task, info.step, info.options, info.crop) == (
        "toy-gan",
        "nir2rgb",
        10,
        {"noise": True, "broken": "", "registration": False},
        16,
    )
    assert info.lookup is not None
    assert len(info.lookup) == 256
    assert info.full_scale is None  # 8-bit files declare none
    assert {name.split(".")[1] for name in tensors} == {"generator"}
    steps = [step for step, tag, _ in logged(out) if tag == "loss/g/l1"]
    assert steps == [3, 6, 9, 10]
    assert [step for step, tag, _ in logged(out) if tag == "val/psnr"] == [5, 10]
    assert result.val["psnr"] == next(v for s, t, v in logged(out) if (s, t) == (10, "val/psnr"))
    assert (result.run, result.steps, result.signal, result.failed) == (out, 10, None, [])
    assert result.images_per_s > 0


def test_logged_losses_are_means_since_the_last_line(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "each", logging={"every_steps": 1, "samples_every_steps": 0})
    run(pairs, tmp_path / "some", logging={"every_steps": 5, "samples_every_steps": 0})
    each = [v for _, tag, v in logged(tmp_path / "each") if tag == "loss/g/l1"]
    some = [v for _, tag, v in logged(tmp_path / "some") if tag == "loss/g/l1"]
    assert some == pytest.approx([sum(each[:5]) / 5, sum(each[5:]) / 5])
    rates = [v for _, tag, v in logged(tmp_path / "each") if tag == "lr/d"]
    assert rates == pytest.approx([1e-2 * (1 - step / 10) for step in range(10)])


def test_saved_weights_are_the_average_and_score_what_was_logged(pairs: Path, tmp_path: Path) -> None:
    result = run(pairs, tmp_path / "run")
    state = torch.load(tmp_path / "run" / "checkpoints" / "last" / "state.pt", weights_only=True)
    _, tensors = read_weights(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors")
    for name, value in state["ema"]["average"].items():
        assert torch.equal(tensors[name], value)
        assert not torch.equal(state["recipe"][name], value)
    from nirgan.data.open import open_data
    from nirgan.training.runtime import Runtime
    from nirgan.training.validate import Validator, evenly_spread

    recipe, _ = load_recipe(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors")
    data = open_data([str(pairs)], task="nir2rgb", split_file=tmp_path / "run" / "split.csv")
    scores = Validator(recipe, data, evenly_spread(data.pairs("val"), 2), Runtime(device="cpu")).scores()
    assert scores == pytest.approx(result.val, rel=1e-5)


def test_validation_and_pictures_do_not_touch_training(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "busy", validation={"every_steps": 1, "images": 1}, logging={"samples_every_steps": 1})
    run(pairs, tmp_path / "quiet", validation={"every_steps": 0}, logging={"samples_every_steps": 0})
    files = [tmp_path / name / "checkpoints" / "last" / "weights.safetensors" for name in ("busy", "quiet")]
    busy, quiet = (read_weights(file)[1] for file in files)
    assert all(torch.equal(busy[name], quiet[name]) for name in busy)
    assert not (tmp_path / "quiet" / "samples").exists()
    best = read_weights(tmp_path / "quiet" / "checkpoints" / "best" / "weights.safetensors")[0]
    assert best.step == 10  # without validation, the best is the last


def test_patience_ends_a_run(pairs: Path, tmp_path: Path) -> None:
    # With a rate this small, eight-bit scores never change.
    settings = {
        "validation": {"every_steps": 2, "images": 1, "patience": 2, "metric": "psnr"},
        "optimiser": {"lr": 1e-12},
        "steps": 50,
    }
    result = run(pairs, tmp_path / "run", **settings, ema={"decay": 0.0}, options={"noise": False})
    best = read_weights(tmp_path / "run" / "checkpoints" / "best" / "weights.safetensors")[0]
    assert result.steps == best.step + 2 * 2 < 50
    again = train(None, out=tmp_path / "run", resume=True, progress=Silent())
    assert again.steps == result.steps


@pytest.mark.parametrize("given", [None, "ssim"])
def test_the_best_of_grey_pictures_is_by_colour_unless_the_run_says_otherwise(
    given: str | None, pairs: Path, tmp_path: Path
) -> None:
    out, validation = tmp_path / "run", {"every_steps": 1, "images": 2, "metric": given}
    run(pairs, out, model="toy-grey", validation=validation, ema={"decay": 0.0}, steps=6)
    train(None, out=out, resume=True, given={"steps": 12, "validation": validation}, progress=Silent())
    metric, best_of = ("ssim", max) if given else ("delta_e", min)
    assert read_yaml(out / "config.yaml")["validation"]["metric"] == metric
    scores = [(value, step) for step, tag, value in logged(out) if tag == f"val/{metric}"]
    assert len(scores) == 12
    assert read_weights(out / "checkpoints" / "best" / "weights.safetensors")[0].step == best_of(scores)[1]


def test_patience_knows_that_colour_differences_shall_fall() -> None:
    best = Best("delta_e", patience=2)
    assert [best.take(score) for score in (9.0, 9.5, 8.0, 8.1, 8.0)] == [True, False, True, False, False]
    assert best.stale == 2


def test_a_broken_loss_is_named_and_the_last_checkpoint_kept(pairs: Path, tmp_path: Path) -> None:
    settings = {"checkpoint": {"every_steps": 2}, "options": {"broken": "loss"}}
    with pytest.raises(NirganError, match=r"step 5: loss/g/l1 became inf \(batch: pairs\d/\d\d, pairs\d/\d\d\)"):
        run(pairs, tmp_path / "run", **settings)
    state = torch.load(tmp_path / "run" / "checkpoints" / "last" / "state.pt", weights_only=True)
    assert state["step"] == 4


def test_weights_that_became_nan_are_not_saved(pairs: Path, tmp_path: Path) -> None:
    class Poison(Silent):
        def step(self, step: int, total: int | None) -> None:
            if step == 10:
                next(iter(built[-1].networks["discriminator"].parameters())).data[0] = torch.nan

    built: list[ToyGan] = []

    @MODELS.register(f"toy-{tmp_path.name.replace('_', '-')}")
    class Remembered(ToyGan):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            built.append(self)

    config = toy_config(pairs, model=f"toy-{tmp_path.name.replace('_', '-')}")
    with pytest.raises(NirganError, match=r"step 10: the weights networks\.discriminator\.0\.weight became NaN"):
        train(config, out=tmp_path / "run", progress=Poison())
    state = torch.load(tmp_path / "run" / "checkpoints" / "last" / "state.pt", weights_only=True)
    assert state["step"] == 5


def test_minutes_end_near_their_time(pairs: Path, tmp_path: Path) -> None:
    result = run(
        pairs, tmp_path / "run", minutes=0.02, validation={"every_steps": 0}, checkpoint={"every_steps": 10000}
    )
    state = torch.load(tmp_path / "run" / "checkpoints" / "last" / "state.pt", weights_only=True)
    assert state["horizon"]["total"] == result.steps >= 2
    assert 0.3 < result.seconds / 1.2 < 3


def test_prepare_runs_once_and_travels(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(pairs, tmp_path / "run", model="toy-prior", steps=2)
    _, tensors = read_weights(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors")
    assert len(tensors["prior"]) == 10 == len((tmp_path / "run" / "split.csv").read_text().split("train")) - 1

    def again(self: Any, samples: Any) -> None:
        raise AssertionError("prepared twice")

    monkeypatch.setattr(ToyPrior, "prepare", again)
    assert train(None, out=tmp_path / "run", resume=True, given={"steps": 3}, progress=Silent()).steps == 3


def test_a_recipe_that_prepares_on_few_sees_them_evenly_spread(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for most in (0, 4):
        monkeypatch.setattr(ToyMean, "prepared_on", most)
        run(pairs, tmp_path / f"run{most}", model="toy-mean")
        found.append(read_weights(tmp_path / f"run{most}" / "checkpoints" / "last" / "weights.safetensors")[1]["prior"])
    assert torch.equal(found[1], found[0][[0, 2, 5, 7]])  # of ten


def test_a_broken_picture_does_not_end_the_preparation(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "pairs")
    run(pairs, tmp_path / "whole", model="toy-mean")
    split = (tmp_path / "whole" / "split.csv").read_text().splitlines()
    name = next(line.split(",")[1] for line in split if line.endswith(",train"))
    (pairs / "nir" / f"{name}.png").write_bytes(b"cut")
    result = run(pairs, tmp_path / "run", model="toy-mean")
    assert [name + ".png" in words for words in result.failed] == [True]
    _, tensors = read_weights(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors")
    assert len(tensors["prior"]) == 9


def test_a_recipe_without_stages_is_prepared(pairs: Path, tmp_path: Path) -> None:
    result = run(pairs, tmp_path / "run", model="toy-mean")
    assert result.steps == 0
    assert result.val["psnr"] > 0
    info, tensors = read_weights(tmp_path / "run" / "checkpoints" / "best" / "weights.safetensors")
    assert info.step == 0
    assert len(tensors["prior"]) == 10


def test_init_from_takes_weights_of_the_same_model(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "first", steps=2)
    _, wanted = read_weights(tmp_path / "first" / "checkpoints" / "best" / "weights.safetensors")
    recipe = ToyGan()
    take_over(recipe, toy_config(pairs, init_from=str(tmp_path / "first")))
    assert all(torch.equal(recipe.state_dict()[name], value) for name, value in wanted.items())
    config = toy_config(pairs, model="toy-prior", init_from=str(tmp_path / "first"))
    with pytest.raises(NirganError, match=r"weights of toy-gan, but this trains toy-prior; use --model toy-gan"):
        train(config, out=tmp_path / "second", progress=Silent())
    assert not (tmp_path / "second").exists()


def test_a_run_goes_on_without_the_weights_that_it_started_from(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "first", steps=2)
    config = toy_config(pairs, init_from=str(tmp_path / "first"), steps=2)
    train(config, out=tmp_path / "second", progress=Silent())
    shutil.rmtree(tmp_path / "first")
    again = train(None, out=tmp_path / "second", resume=True, given={"steps": 3}, progress=Silent())
    assert again.steps == 3


def test_a_run_goes_on_from_another_folder(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pairs.parent)
    run(Path(pairs.name), tmp_path / "run", steps=1)
    monkeypatch.chdir(tmp_path)
    assert train(None, out=tmp_path / "run", resume=True, given={"steps": 2}, progress=Silent()).steps == 2
    monkeypatch.chdir(pairs)
    assert len(json.loads((tmp_path / "run" / "environment.json").read_text())["resumed"]) == 1
    given = {"steps": 3, "data": [f"../{pairs.name}"]}
    assert train(None, out=tmp_path / "run", resume=True, given=given, progress=Silent()).steps == 3
    given["data"] = ["."]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NirganError, match="data is "):
        train(None, out=tmp_path / "run", resume=True, given=given, progress=Silent())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "toy-unpaired"}, r"toy-unpaired takes unpaired data, and this is registered .*--pairing unpaired"),
        ({"model": "toy-caption"}, r"toy-caption needs caption with every picture"),
        ({"model": "toy-shallow-norm", "batch_size": 1}, r"batch normalisation has one value .*larger --batch-size"),
        ({"precision": "16"}, r"precision 16 needs a CUDA device and this is none; use bf16 or 32"),
        ({"strategy": "fsdp"}, r"strategy 'fsdp' is not one of auto, ddp"),
        ({"sync_batch_norm": True}, r"sync_batch_norm works on CUDA devices only"),
        ({"device": "mps"}, r"device 'mps'"),
        ({"init_from": "nowhere"}, r"no weights 'nowhere'"),
    ],
)
def test_refusals_say_what_to_do_and_leave_nothing(
    pairs: Path, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(NirganError, match=words):
        run(pairs, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "run: cannot be written (No space left on device): make"),
        (PermissionError(errno.EACCES, "Permission denied", "run/metrics.csv"), "run/metrics.csv: cannot be written"),
        (OSError(errno.EIO, "Input/output error", "pairs/nir/1.png"), "pairs/nir/1.png: Input/output error: training"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "Broken pipe: training stopped there"),
        (OSError("no such thing"), "no such thing: training stopped there"),
    ],
)
def test_what_the_system_refused_is_said(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    class Refused(Silent):
        def step(self, step: int, total: int | None) -> None:
            if step == 2:
                raise error

    monkeypatch.chdir(tmp_path)
    with pytest.raises(NirganError) as caught:
        train(toy_config(pairs), out=Path("run"), progress=Refused())
    assert str(caught.value).startswith(words)
    assert "go on with nirgan train --resume --out run" in str(caught.value)


def test_out_must_be_new(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "run", steps=1)
    with pytest.raises(NirganError, match="there is a run already; go on with --resume"):
        run(pairs, tmp_path / "run", steps=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("all of it")
    with pytest.raises(NirganError, match="not an empty folder"):
        run(pairs, tmp_path / "full", steps=1)
    assert (tmp_path / "full" / "thesis.txt").exists()


def test_one_process_writes_a_run(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "run", steps=1)
    assert f"process {os.getpid()} on " in (tmp_path / "run" / ".lock").read_text()
    hold = (
        "import fcntl, os, sys; lock = open(sys.argv[1], 'r+'); fcntl.lockf(lock, fcntl.LOCK_EX);"
        "lock.write(f'process {os.getpid()} on here'); lock.truncate(); lock.flush(); print('held', flush=True);"
        "sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "run" / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(NirganError, match=rf"process {other.pid} on here is writing this run"):
        train(None, out=tmp_path / "run", resume=True, progress=Silent())
    other.kill()  # however it ends, its lock is gone
    other.communicate()
    assert train(None, out=tmp_path / "run", resume=True, progress=Silent()).steps == 1


def test_a_broken_picture_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "pairs")
    (pairs / "split.csv").write_text(
        "set,name,category,scene,split\n"
        + "".join(f"pairs,{i:02d},,,{'val' if i > 9 else 'train'}\n" for i in range(12))
    )
    broken = pairs / "nir" / "03.png"
    broken.write_bytes(broken.read_bytes()[:60])
    result = run(pairs, tmp_path / "run")
    assert result.steps == 10
    assert len(result.failed) == 1
    assert "03.png" in result.failed[0]


def test_pairs_of_two_sizes_are_not_scored_and_no_failure(tmp_path: Path) -> None:
    import shutil

    pairs, larger = write_pairs(tmp_path / "pairs"), write_pairs(tmp_path / "larger", side=30)
    shutil.rmtree(pairs / "rgb")
    shutil.move(larger / "rgb", pairs / "rgb")
    config = toy_config(pairs, model="toy-any", pairing="unregistered")
    result = train(config, out=tmp_path / "run", progress=Silent())
    assert (result.steps, result.failed, result.val) == (10, [], {})
    assert read_weights(tmp_path / "run" / "checkpoints" / "best" / "weights.safetensors")[0].step == 10


@pytest.mark.parametrize(
    ("sizes", "taught_smooth", "translated_smooth"),
    [({}, 1, 1), ({"working_size": 96}, 4, 4), ({"working_size": 96, "training_size": 24}, 1, 4)],
)
def test_crops_are_of_the_size_that_the_recipe_learns_at(
    pairs: Path, tmp_path: Path, sizes: dict[str, int], taught_smooth: int, translated_smooth: int
) -> None:
    """Pictures of 24 pixels, each of which differs from the next by 1/3 in the mean; enlarged four times, less."""
    ToySized.seen.clear()
    run(pairs, tmp_path / "run", model="toy-sized", options=sizes, steps=2)
    taught = ToySized.seen.pop(True)
    ToySized.seen.clear()
    recipe, _ = load_recipe(tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors")
    translate_source(recipe.eval(), torch.rand(1, 24, 24))
    for values, smooth in ((taught, taught_smooth), (ToySized.seen[False], translated_smooth)):
        assert values
        assert all((value < 0.15) == (smooth == 4) for value in values)
