"""The order of samples: the same for any number of workers, from any step, over any number of processes."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
import torch

from nirgan.config.schema import Augmentation
from nirgan.data import StepPlan, TrainingSet, dataset, make_loader, open_data
from nirgan.errors import NirganError

NAMES = [f"{i:02d}" for i in range(10)]


@pytest.fixture
def training(tmp_path: Path, write_pairs) -> TrainingSet:
    data = open_data([str(write_pairs(tmp_path / "s", NAMES))], task="nir2rgb", val_share=0, test_share=0)
    return TrainingSet(data, crop=16, augment=Augmentation(noise=0.05, scale=0.2), seed=0, cache_mb=8)


def plan(**changes) -> StepPlan:
    return StepPlan(**({"sources": 10, "targets": 10, "batch_size": 3} | changes))


def served(training: TrainingSet, steps: StepPlan, start: int = 0, stop: int = 5, **options) -> list[dict]:
    options = {"rank": 0, "workers": 0, "view": lambda step: "image"} | options
    return list(make_loader(training, steps, start_step=start, stop_step=stop, **options))


def assert_equal(a: list[dict], b: list[dict]) -> None:
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        assert left["keys"] == right["keys"]
        assert torch.equal(left["source"], right["source"])
        assert torch.equal(left["target"], right["target"])


@pytest.mark.parametrize("shape", [{}, {"world": 2, "batch_size": 2}, {"accumulate": 2, "batch_size": 4}])
def test_every_sample_is_seen_once_a_pass_where_steps_do_not_fit_it(shape: dict[str, int]) -> None:
    steps = plan(**shape)
    seen = [
        key.source
        for step in range(3 * steps.length // steps.samples_per_step + 1)
        for micro in range(steps.accumulate)
        for rank in range(steps.world)
        for key in steps.keys(step, rank, micro, "image")
    ]
    for number in range(3):
        assert sorted(seen[10 * number : 10 * number + 10]) == list(range(10))


def test_epochs_are_counted_in_whole_steps() -> None:
    assert plan().steps_per_epoch == 3
    assert plan().place(7) == (2, 1)


def test_order_differs_between_epochs_and_seeds() -> None:
    first, later = plan(batch_size=5).keys(0, 0, 0, "image"), plan(batch_size=5).keys(2, 0, 0, "image")
    assert [k.source for k in first] != [k.source for k in later]
    assert [k.source for k in first] != [k.source for k in plan(seed=1).keys(0, 0, 0, "image")]


def test_processes_see_what_one_accumulating_process_sees() -> None:
    one, two = plan(accumulate=4, batch_size=1), plan(world=2, accumulate=2, batch_size=1)
    for step in range(5):
        alone = [one.keys(step, 0, micro, "image") for micro in range(4)]
        together = [two.keys(step, rank, micro, "image") for micro in range(2) for rank in range(2)]
        assert alone == together


def test_two_ranks_load_what_accumulation_loads(training: TrainingSet) -> None:
    alone = served(training, plan(accumulate=2, batch_size=2), stop=4)
    ranks = [served(training, plan(world=2, batch_size=2), stop=4, rank=rank) for rank in range(2)]
    assert_equal(alone, list(chain.from_iterable(zip(*ranks, strict=True))))


def test_a_set_smaller_than_a_step_wraps_around() -> None:
    steps = plan(sources=3, targets=3, batch_size=8)
    assert steps.steps_per_epoch == 1
    keys = steps.keys(0, 0, 0, "image")
    assert sorted(Counter(key.source for key in keys).values()) == [2, 3, 3]
    assert len(set(keys)) == 8  # each visit is another pass, so that its augmentation differs
    assert not set(keys) & set(steps.keys(1, 0, 0, "image"))


def test_unpaired_draws_both_sides_apart() -> None:
    steps = plan(sources=4, targets=12, batch_size=4)
    keys = [key for step in range(steps.steps_per_epoch) for key in steps.keys(step, 0, 0, "unpaired")]
    assert Counter(key.source for key in keys) == dict.fromkeys(range(4), 3)
    assert sorted(key.target for key in keys) == list(range(12))
    assert any(key.target % 4 != key.source for key in keys)


def test_one_micro_batch_per_accumulation_in_order(training: TrainingSet) -> None:
    batches = served(training, plan(accumulate=2, batch_size=2), stop=2)
    expected = [
        plan(accumulate=2, batch_size=2).keys(step, 0, micro, "image") for step in range(2) for micro in range(2)
    ]
    assert [b["keys"] for b in batches] == [[f"s/{NAMES[key.source]}" for key in keys] for keys in expected]
    assert batches[0]["source"].shape == (2, 1, 16, 16)
    assert batches[0]["failed"] == []


def test_start_step_continues_exactly(training: TrainingSet) -> None:
    assert_equal(served(training, plan(), stop=8)[5:], served(training, plan(), start=5, stop=8))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_batches(training: TrainingSet, workers: int) -> None:
    assert_equal(served(training, plan()), served(training, plan(), workers=workers))


def test_spawned_workers_do_not_change_batches(training: TrainingSet) -> None:
    assert_equal(served(training, plan()), served(training, plan(), workers=1, context="spawn"))


def test_the_view_follows_the_step(training: TrainingSet) -> None:
    batches = served(training, plan(), stop=2, view=lambda step: "unpaired" if step else "image")
    assert [batch["view"] for batch in batches] == ["image", "unpaired"]


@pytest.mark.parametrize("workers", [0, 2])
def test_failed_files_travel_with_their_batch(training: TrainingSet, tmp_path: Path, workers: int) -> None:
    (tmp_path / "s" / "nir" / "04.png").write_bytes(b"broken")
    batches = served(training, plan(batch_size=5), stop=4, workers=workers)
    failed = [batch["failed"] for batch in batches]
    assert [len(files) for files in failed[:2]].count(1) == 1  # once an epoch, in the batch it was meant for
    assert sum(map(len, failed)) == 2
    assert all("04.png" in file for files in failed for file in files)
    assert all("s/04" not in batch["keys"] for batch in batches)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_worker_refuses_is_one_line(training: TrainingSet, tmp_path: Path, workers: int) -> None:
    for file in (tmp_path / "s" / "rgb").iterdir():
        file.write_bytes(b"broken")
    with pytest.raises(NirganError) as error:
        served(training, plan(), workers=workers)
    assert str(error.value).startswith("none of the 10 training pictures can be read; the first: ")
    assert "\n" not in str(error.value)


def test_one_file_for_both_sides_is_read_once(tmp_path: Path, write_pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_data([str(write_pairs(tmp_path / "s", NAMES) / "rgb")], task="gray2rgb", val_share=0, test_share=0)
    uncached = TrainingSet(data, crop=16, augment=Augmentation(), seed=0, cache_mb=0)
    read, sides = dataset.read_side, []
    monkeypatch.setattr(dataset, "read_side", lambda *args: sides.append(args[-1]) or read(*args))
    served(uncached, plan(), stop=2)
    assert sides == ["target"] * 6
