"""One step trains exactly what its phases name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toy_training import ToyGan, make_at, make_batch, one_process

from nirgan.errors import NirganError
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Term, Views
from nirgan.training.optim import load_optimiser_state, optimiser_state
from nirgan.training.runtime import Runtime
from nirgan.training.step import PhaseUpdate, Step, TermViews, trained_parameters

SGD = Optimiser("sgd", lr=0.1, betas=(0.0, 0.0))


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return one_process()


def updates(recipe: Recipe, runtime: Runtime, *phases: Phase, **settings: Any) -> list[PhaseUpdate]:
    return [PhaseUpdate(recipe, phase, phase.optimiser, runtime, **settings) for phase in phases]


class Shared(Recipe):
    """`out = b(a(x)) + frozen(x)`; phase one trains a, phase two trains b, and notes who required gradient when."""

    def __init__(self, *, task: str = "nir2rgb", source_channels: int = 1, crop: int = 16) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({name: nn.Conv2d(1, 1, 1) for name in ("a", "b", "frozen", "unused")})
        self.seen: dict[str, set[str]] = {}
        self.calls = 0
        self.active = {"one": 1.0, "two": 1.0}

    def trainable(self) -> set[str]:
        return {name for name, net in self.networks.items() if net.weight.requires_grad}

    def forward(self, batch: Any, at: At) -> Views:
        self.calls += 1
        self.seen["forward"] = self.trainable()
        hidden = self.networks["a"](batch["source"])
        return {"hidden": hidden, "output": self.networks["b"](hidden) + self.networks["frozen"](batch["source"])}

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        self.seen[phase] = self.trainable()
        return {}

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        name = "hidden" if phase == "one" else "output"
        return [Term("mean", self.active[phase], lambda v: v[name].mean())]

    def predict(self, source: Tensor, conditions: Any) -> Tensor:
        return source

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


ONE, TWO = Phase("one", ("a",), optimiser=SGD), Phase("two", ("b",), optimiser=SGD)


def weights(recipe: Recipe) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in recipe.state_dict().items() if isinstance(value, Tensor)}


def changed(recipe: Recipe, before: dict[str, Tensor]) -> set[str]:
    return {name.split(".")[1] for name, value in recipe.state_dict().items() if not torch.equal(value, before[name])}


def test_gradient_is_required_exactly_where_phases_say(runtime: Runtime) -> None:
    recipe = Shared()
    # `two` goes through b alone, although `one` has changed a before it.
    losses = Step(recipe, updates(recipe, runtime, ONE, TWO), runtime).run([make_batch(0)], make_at(), with_norms=True)
    assert recipe.seen == {"forward": {"a", "b"}, "one": {"a"}, "two": {"b"}}
    assert set(losses.terms) == {"one/mean", "two/mean"}
    assert set(losses.norms) == {"one", "two"}
    assert recipe.calls == 1


def test_a_step_changes_what_it_trains_and_nothing_else(runtime: Runtime) -> None:
    recipe = Shared()
    before = weights(recipe)
    Step(recipe, updates(recipe, runtime, ONE), runtime).run([make_batch(0)], make_at())
    assert changed(recipe, before) == {"a"}
    assert recipe.seen["forward"] == {"a"}
    assert all(p.grad is None for p in recipe.parameters())


def test_sgd_by_hand(runtime: Runtime) -> None:
    recipe = Shared()
    batch, before = make_batch(0), weights(recipe)
    Step(recipe, updates(recipe, runtime, TWO), runtime).run([batch], make_at())
    hidden = F.conv2d(batch["source"], before["networks.a.weight"], before["networks.a.bias"])
    expected = before["networks.b.weight"] - 0.1 * hidden.mean()
    torch.testing.assert_close(recipe.networks["b"].weight.detach(), expected)
    torch.testing.assert_close(recipe.networks["b"].bias.detach(), before["networks.b.bias"] - 0.1)


def test_phases_without_an_active_term_or_that_do_not_run_are_skipped(runtime: Runtime) -> None:
    recipe = Shared()
    recipe.active["one"] = 0.0
    every_second = Phase("two", ("b",), when=lambda at: at.step % 2 == 0, optimiser=SGD)
    step = Step(recipe, updates(recipe, runtime, ONE, every_second), runtime)
    assert set(step.run([make_batch(0)], make_at(0)).terms) == {"two/mean"}
    assert recipe.seen == {"forward": {"b"}, "two": {"b"}}
    before = weights(recipe)
    assert step.run([make_batch(0)], make_at(1)).terms == {}
    assert changed(recipe, before) == set()
    assert recipe.calls == 1  # nothing runs, nothing is computed


def test_lazy_terms_weigh_more_but_are_logged_as_they_are(runtime: Runtime) -> None:
    class Lazy(Shared):
        def terms(self, phase: str, at: At) -> Sequence[Term]:
            return [Term("lazy", 2.0, lambda v: v["output"].mean(), start_step=4, every=8)]

    recipe = Lazy()
    step = Step(recipe, updates(recipe, runtime, TWO), runtime)
    assert step.run([make_batch(0)], make_at(3)).terms == {}
    before = weights(recipe)
    with torch.no_grad():
        mean = recipe(make_batch(0), make_at(4))["output"].mean()
    losses = step.run([make_batch(0)], make_at(4))
    torch.testing.assert_close(losses.terms["two/lazy"], mean)
    torch.testing.assert_close(recipe.networks["b"].bias.detach(), before["networks.b.bias"] - 0.1 * 2.0 * 8)


def test_clipping_and_norm_by_hand(runtime: Runtime) -> None:
    recipe = Shared()
    batch, before = make_batch(0), weights(recipe)
    losses = Step(recipe, updates(recipe, runtime, TWO, clip=0.5), runtime).run([batch], make_at(), with_norms=True)
    hidden = F.conv2d(batch["source"], before["networks.a.weight"], before["networks.a.bias"])
    norm = (hidden.mean() ** 2 + 1).sqrt()
    torch.testing.assert_close(losses.norms["two"], norm)
    step = before["networks.b.bias"] - recipe.networks["b"].bias.detach()
    torch.testing.assert_close(step, torch.full((1,), float(0.1 * 0.5 / norm)), rtol=1e-4, atol=1e-6)


def test_terms_run_in_float32_outside_autocast() -> None:
    seen: dict[str, torch.dtype] = {}

    class Watching(ToyGan):
        def phase_views(self, phase: str, views: Views, at: At) -> Views:
            own = super().phase_views(phase, views, at)
            seen[f"{phase} views"] = own["logits_fake"].dtype
            return own

        def terms(self, phase: str, at: At) -> Sequence[Term]:
            def fn(views: Views) -> Tensor:
                seen[phase] = views["logits_fake"].dtype
                seen["in autocast"] = torch.mm(views["logits_fake"].flatten(1), views["logits_fake"].flatten(1).T).dtype
                return views["logits_fake"].mean()

            return [Term("x", 1.0, fn)]

    recipe, runtime = Watching(), one_process(precision="bf16")
    Step(recipe, updates(recipe, runtime, Phase("g", ("generator",))), runtime).run([make_batch(0)], make_at())
    assert seen == {"g views": torch.bfloat16, "g": torch.float32, "in autocast": torch.float32}


def test_views_are_widened_when_asked_for_and_only_then() -> None:
    half = torch.ones(2, dtype=torch.bfloat16)
    views = TermViews({"one": half, "scales": [half, half], "keys": ["a"], "whole": torch.ones(2)})
    assert views["one"].dtype == torch.float32
    assert views["one"] is views["one"]
    assert [scale.dtype for scale in views["scales"]] == [torch.float32] * 2
    assert views["keys"] == ["a"]
    assert views.get("none") is None
    assert {name: getattr(value, "dtype", None) for name, value in views.items()}["one"] == torch.float32


def test_accumulating_is_one_large_batch_where_samples_do_not_mix(runtime: Runtime) -> None:
    batches = [make_batch(0), make_batch(1)]
    joined = {name: torch.cat([b[name] for b in batches]) for name in ("source", "target")} | {
        "keys": [],
        "view": "image",
    }
    results = []
    for micros in (batches, [joined]):
        torch.manual_seed(0)
        recipe = ToyGan(noise=False).eval()  # batch norm with fixed statistics
        phases = [Phase("d", ("discriminator",)), Phase("g", ("generator",))]
        losses = Step(recipe, updates(recipe, runtime, *phases), runtime).run(micros, make_at())
        results.append((losses.terms, weights(recipe)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-6)


def test_micro_batches_share_batch_norm_as_processes_do(runtime: Runtime) -> None:
    recipe = ToyGan(noise=False)
    before = recipe.networks["generator"][1].running_mean.clone()
    alone = []
    for seed in (0, 1):
        other = ToyGan(noise=False)
        other.load_state_dict(recipe.state_dict())
        with torch.no_grad():
            other(make_batch(seed), make_at())
        alone.append(other.networks["generator"][1].running_mean.clone())
    Step(recipe, updates(recipe, runtime, Phase("g", ("generator",))), runtime).run(
        [make_batch(0), make_batch(1)], make_at()
    )
    norm = recipe.networks["generator"][1]
    torch.testing.assert_close(norm.running_mean, (alone[0] + alone[1]) / 2)
    assert not torch.equal(norm.running_mean, before)
    assert int(norm.num_batches_tracked) == 1


def test_unreached_parameters_count_as_zero(runtime: Runtime) -> None:
    recipe = Shared()
    both = Phase("one", ("a", "unused"), optimiser=Optimiser("adam", lr=0.1))
    update = updates(recipe, runtime, both)[0]
    Step(recipe, [update], runtime).run([make_batch(0)], make_at())
    assert [len(entry) > 0 for entry in optimiser_state(update.optimiser)] == [True] * 4


def test_loaded_moments_are_laid_out_as_their_weights(runtime: Runtime) -> None:
    # A fused CPU optimiser walks memory: moments of another layout would belong to other weights.
    def build(layout: torch.memory_format) -> tuple[Recipe, PhaseUpdate, Step]:
        torch.manual_seed(0)
        recipe = ToyGan(noise=False).to(memory_format=layout)
        momentum = Optimiser("sgd", lr=0.1, betas=(0.9, 0.0))
        update = updates(recipe, runtime, Phase("g", ("generator",), optimiser=momentum))[0]
        return recipe, update, Step(recipe, [update], runtime)

    first, first_update, first_step = build(torch.contiguous_format)
    first_step.run([make_batch(0)], make_at(0))
    second, second_update, second_step = build(torch.channels_last)
    second.load_state_dict(first.state_dict())
    load_optimiser_state(second_update.optimiser, optimiser_state(first_update.optimiser))
    for step in (first_step, second_step):
        step.run([make_batch(1)], make_at(1))
    torch.testing.assert_close(weights(first), weights(second), rtol=1e-4, atol=1e-6)


def test_phases_that_cannot_train_are_refused(runtime: Runtime) -> None:
    recipe = Shared()
    with pytest.raises(NirganError, match="no network 'generatr'"):
        trained_parameters(ToyGan(), Phase("g", ("generatr",)))
    step = Step(recipe, updates(recipe, runtime, Phase("two", ("unused",))), runtime)
    with pytest.raises(NirganError, match=r"phase 'two': none of its terms depends on what it trains \(unused\)"):
        step.run([make_batch(0)], make_at())
