"""What is measured for trouble, and when it is said."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from nirgan.training.trouble import Gap, Look, Watch, look_at, separations
from nirgan.training.trouble.alarm import Alarm
from nirgan.training.trouble.look import collapsed, negative

SATURATED = "gan/d/separation"


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def logits(*values: float, trained: bool = True) -> Tensor:
    return torch.tensor(values, requires_grad=trained)


def picture(seed: int, channels: int = 3) -> Tensor:
    """Large random patches, which a thumbnail keeps."""
    random = torch.Generator().manual_seed(seed)
    return torch.rand(channels, 4, 4, generator=random).repeat_interleave(8, 1).repeat_interleave(8, 2)


def looks(
    outputs: list[Tensor], targets: list[Tensor] | None = None, sources: list[Tensor] | None = None
) -> list[Look]:
    sources = sources or [picture(seed, 1) for seed in range(len(outputs))]
    wanted: Sequence[Tensor | None] = targets or [None] * len(outputs)
    return [look_at(*three) for three in zip(sources, outputs, wanted, strict=True)]


# --- separation ---


def test_separation_by_hand() -> None:
    # Means 2 and 0: midpoint 1. Of the reals 2 of 3 lie above it, of the fakes 3 of 4 below.
    views = {"logits_real": logits(0.0, 2.0, 4.0), "logits_fake": logits(-1.0, -1.0, 0.0, 2.0)}
    assert separations(views)["separation"].item() == pytest.approx((2 / 3 + 3 / 4) / 2)


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-3, 0.5), (40.0, -7.0)])
def test_separation_does_not_depend_on_the_criterions_labels(scale: float, offset: float) -> None:
    real, fake = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([-1.0, 0.0, 1.9])
    views = {"logits_real": (scale * real + offset).requires_grad_(), "logits_fake": scale * fake + offset}
    plain = {"logits_real": real.requires_grad_(), "logits_fake": fake}
    assert separations(views)["separation"] == separations(plain)["separation"]


def test_chance_and_perfection() -> None:
    same = {"logits_real": logits(0.3, 0.3), "logits_fake": logits(0.3, 0.3)}
    assert separations(same)["separation"] == 0.5
    apart = {"logits_real": logits(0.31, 0.3), "logits_fake": logits(0.1, 0.2)}
    assert separations(apart)["separation"] == 1.0
    inverted = {"logits_real": apart["logits_fake"], "logits_fake": apart["logits_real"]}
    assert separations(inverted)["separation"] == 0.0


def test_each_discriminator_has_its_own_and_scales_count_alike() -> None:
    scales = [logits(1.0, 1.0, 1.0, 1.0), logits(0.0)]
    views = {
        "logits_real": scales,
        "logits_fake": [logits(-1.0, -1.0, -1.0, -1.0), logits(0.0)],
        "logits_real_back": logits(1.0),
        "logits_fake_back": logits(2.0),
        "logits_real_alone": logits(1.0),
        "other": logits(1.0),
    }
    found = {name: value.item() for name, value in separations(views).items()}
    assert found == {"separation": 0.75, "separation_back": 0.0}


def test_only_the_discriminators_own_phase_counts() -> None:
    # A relativistic generator looks at real pictures, too; no gradient goes through their logits.
    views = {"logits_real": logits(1.0, trained=False), "logits_fake": logits(0.0)}
    assert separations(views) == {}


# --- when it is said ---


def test_an_alarm_waits_speaks_once_and_speaks_again_when_it_came_back() -> None:
    alarm = Alarm(patience=10)
    seen = [(0, True), (9, True), (10, True), (50, True), (51, False), (60, True), (69, True), (70, True), (80, True)]
    assert [step for step, there in seen if alarm.due(there, step)] == [10, 70]
    assert alarm.since == 60


def test_an_alarm_for_the_beginning_ends_with_the_first_absence() -> None:
    alarm = Alarm(patience=10, again=False)
    assert not alarm.due(False, 5)
    assert not any(alarm.due(True, step) for step in range(6, 100))


def test_a_discriminator_that_always_wins_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    for step in range(20, 1001, 20):
        watch.line(step, {SATURATED: 0.9, "loss/d/gan": 1.0})
    assert said(caplog) == []
    for step in range(1020, 4001, 20):
        watch.line(step, {SATURATED: 0.999, "loss/d/gan": 1.0})
    (words,) = said(caplog)
    assert words.startswith("step 2000: since step 1000 the discriminator tells real from generated pictures without")
    assert "gan/d/separation 0.999" in words
    assert "phases.d.lr" in words
    watch.line(4020, {SATURATED: 0.97})
    for step in range(4040, 6001, 20):
        watch.line(step, {SATURATED: 1.0})
    assert len(said(caplog)) == 2


@pytest.mark.parametrize("usual", [0.5, 0.69, 0.93, 0.952, 0.99])
def test_what_healthy_runs_show_is_not_said(usual: float, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    # From 0.7 in the first line; single lines of ordinary pix2pix runs are perfect.
    for step in range(20, 20_001, 20):
        watch.line(step, {SATURATED: 0.7 if step == 20 else 1.0 if step % 500 == 0 else usual})
    assert said(caplog) == []


def test_a_discriminator_that_never_learns_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    for step in range(20, 5001, 20):
        watch.line(step, {SATURATED: 0.5 + 0.04 * (step % 40 == 0)})
    (words,) = said(caplog)
    assert words.startswith("step 2000: since step 0 the discriminator tells real from generated pictures no better")


def test_a_discriminator_that_a_later_stage_brings_has_its_own_beginning(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    for step in range(20, 5001, 20):
        watch.line(step, {"loss/g/l1": 1.0})
    for step in range(5020, 7001, 20):
        watch.line(step, {SATURATED: 0.5})
        assert len(said(caplog)) == (step == 7000)
    assert "since step 5000" in said(caplog)[0]


def test_state_carries_what_is_known(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    for step in range(100, 3001, 100):
        other = Watch()
        other.load_state_dict(watch.state_dict())
        watch = other
        watch.line(step, {SATURATED: 1.0})
    assert [words.split(":")[0] for words in said(caplog)] == ["step 1000"]


# --- pictures ---


def test_one_colour_in_each_picture() -> None:
    targets = [picture(seed) for seed in range(10, 14)]
    flat = [torch.full((3, 32, 32), 0.2 * seed) + 0.004 * picture(seed) for seed in range(4)]
    words = collapsed(looks(flat, targets))
    assert words is not None
    assert words.startswith("each output is nearly of one colour (standard deviation 0.001, wanted are 0.2")
    assert collapsed(looks([0.4 + 0.1 * picture(seed) for seed in range(4)], targets)) is None
    # Sources and truth that are as flat themselves: fog is no collapse.
    assert collapsed(looks(flat, flat, [image[:1] for image in flat])) is None


def test_one_picture_for_all_sources() -> None:
    targets = [picture(seed) for seed in range(10, 14)]
    same = [picture(99) + 0.01 * picture(seed) for seed in range(4)]
    assert str(collapsed(looks(same, targets))).startswith("the outputs are the same for different sources")
    assert str(collapsed(looks(same))).startswith("the outputs are the same for different sources")  # unpaired
    assert collapsed(looks(same, same)) is None  # a fixed camera: the targets are the same, too
    assert collapsed(looks(same[:1], targets[:1])) is None  # a single picture says nothing


def test_negatives() -> None:
    sources = [picture(seed, 1) for seed in range(4)]
    truth = [0.6 * source.expand(3, -1, -1) + 0.4 * picture(50) for source in sources]
    inverted = [1 - source.expand(3, -1, -1) for source in sources]
    words = negative(looks(inverted, truth, sources))
    assert words is not None
    assert words.startswith("the outputs are negatives (correlation of brightness with the source -1.00, that of the")
    assert negative(looks(truth, truth, sources)) is None
    assert str(negative(looks(inverted, None, sources))).startswith("the outputs are negatives")
    # Where the truth itself is dark where the source is bright, so may the output be.
    assert negative(looks(inverted, inverted, sources)) is None


def test_targets_of_another_size_and_flat_pictures_have_traits() -> None:
    look = look_at(torch.zeros(1, 20, 30), torch.zeros(3, 20, 30), torch.rand(3, 11, 7))
    assert look.output.likeness == 0.0
    assert look.target is not None
    assert look.target.thumbnail.shape == (3, 8, 8)


def test_what_two_looks_in_a_row_show_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watch, targets = Watch(), [picture(seed) for seed in range(10, 14)]
    good, bad = looks(targets, targets), looks([torch.full((3, 32, 32), 0.5)] * 4, targets)
    for step, some in ((500, bad), (1000, good), (1500, bad), (2000, bad), (2500, bad)):
        watch.pictures(step, some)
    (words,) = said(caplog)
    assert words.startswith("step 2000: since step 1500 each output is nearly of one colour")
    assert "try a lower optimiser.lr" in words
    watch.pictures(3000, [])  # a validation without a readable picture shows nothing
    watch.pictures(3500, bad)
    assert len(said(caplog)) == 1


def test_negatives_are_said_with_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    watch, sources = Watch(), [picture(seed, 1) for seed in range(3)]
    inverted = looks([1 - source.expand(3, -1, -1) for source in sources], None, sources)
    for step in (500, 1000, 1500):
        watch.pictures(step, inverted)
    (words,) = said(caplog)
    assert words.startswith("step 1000: since step 500 the outputs are negatives")
    assert words.endswith("an identity or paired term fixes the polarity")


# --- batch norm ---


@pytest.mark.parametrize(
    ("gap", "fits"),
    [
        (Gap(0.091, running=0.130, batch=0.167), True),  # pix2pix at batch 4 after 3690 steps
        (Gap(0.140, running=0.130, batch=0.184), True),  # the same weights at batch 1
        (Gap(0.03, running=0.05, batch=0.03), True),
        (Gap(0.2, running=0.30, batch=0.28), True),
        (Gap(0.2, running=0.25, batch=0.10), False),
        (Gap(0.14), True),
        (Gap(0.3), False),
    ],
)
def test_which_gaps_are_trouble(gap: Gap, fits: bool) -> None:
    assert (gap.words() is None) == fits


def test_a_gap_is_said_with_both_numbers(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    for step in (500, 1000, 1500):
        watch.norms(step, Gap(0.2, running=0.251, batch=0.102))
    (words,) = said(caplog)
    assert words.startswith("step 1000: since step 500 L1 to the target on training crops is 0.251 with batch norm's")
    assert "but 0.102 with the batch's own" in words
    assert "--batch-size" in words
