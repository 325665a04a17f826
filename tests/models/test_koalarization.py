"""Deep Koalarization: counts, the frozen classifier, embeddings that are made once, the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor, nn

from nirgan.config import resolve_config
from nirgan.errors import NirganError
from nirgan.features import FrozenClassifier, classifier
from nirgan.generators.koalarization import FusedEncoderDecoder
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.koalarization import Koalarization
from nirgan.models.recipe import At
from nirgan.models.weights import describe, load_recipe, save_weights
from nirgan.monitoring.progress import Silent
from nirgan.testing.pictures import synthetic_samples
from nirgan.training import train
from nirgan.training.state import process_state

Batch = Callable[..., dict[str, Any]]
TINY = {"features": "tiny", "pretrained": False, "width": 8, "working_size": 32}
QUICK = {"validation": {"every_steps": 0}, "logging": {"every_steps": 1, "samples_every_steps": 0}}


def build(crop: int = 32, *, seed: int = 0, **options: Any) -> Koalarization:
    torch.manual_seed(seed)
    recipe = create_model("koalarization", crop=crop, **{**TINY, **options})
    assert isinstance(recipe, Koalarization)
    return recipe


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# --- networks -----------------------------------------------------------------------------------------------------


def test_the_network_is_that_of_the_table() -> None:
    with torch.device("meta"):
        network = FusedEncoderDecoder(embedding=1001)
        stretched = FusedEncoderDecoder(embedding=1001, encoded=512)
    parts = [count(part) for part in (network.encoder, network.fusion, network.decoder)]
    assert parts == [5_827_200, 322_048, 424_802]
    assert count(network) == 6_574_050
    # 256 more channels at the end of the encoder, and into the fusion.
    assert count(stretched) - count(network) == 256 * (512 * 9 + 1) + 256 * 256


def test_the_default_has_inceptions_thousand_logits() -> None:
    with torch.device("meta"):
        recipe = create_model("koalarization")
    generator = recipe.networks["generator"]
    assert isinstance(generator, FusedEncoderDecoder)
    assert count(generator.fusion) == 1256 * 256 + 256
    assert recipe.networks["features"].name == "inception-v3"
    assert (recipe.stride, recipe.working_size, recipe.whole_picture) == (8, 224, True)


@pytest.mark.parametrize("size", [(32, 32), (40, 24)])
def test_shapes(size: tuple[int, int]) -> None:
    out = FusedEncoderDecoder(embedding=7, width=4)(torch.rand(2, 1, *size), torch.randn(2, 7))
    assert out.shape == (2, 2, *size)
    assert out.abs().max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("size", [(224, 224), (256, 320)])
def test_shapes_at_the_papers_sizes(size: tuple[int, int]) -> None:
    out = FusedEncoderDecoder(embedding=1001, width=16)(torch.rand(1, 1, *size), torch.randn(1, 1001))
    assert out.shape == (1, 2, *size)


# --- the objective ------------------------------------------------------------------------------------------------


def test_the_objective_by_hand(batch: Batch, at: At) -> None:
    recipe, pairs = build(), batch(2, 32)
    views = recipe(pairs, at)
    truth = torch.stack([torch.from_numpy(rgb2lab(t.permute(1, 2, 0).numpy())) for t in pairs["target"]])
    truth = truth.permute(0, 3, 1, 2)[:, 1:].float() / 127
    (term,) = recipe.terms("generator", at)
    assert (term.name, term.weight) == ("l2", 1.0)
    expected = (views["output"] - truth).square().mean()
    assert float(term.fn(views).detach()) == pytest.approx(float(expected.detach()), rel=1e-2)
    views["compared"] = views["target"] + 0.5
    assert float(term.fn(views)) == pytest.approx(0.25, rel=1e-5)


def test_views_are_those_of_recipes_that_keep_lightness(batch: Batch, at: At) -> None:
    recipe, pairs = build(width=16), batch(2, 32)
    views = recipe(pairs, at)
    assert torch.equal(views["lightness"], pairs["source"])
    assert views["ab"].shape == views["target_ab"].shape == (2, 2, 32, 32)
    torch.testing.assert_close(views["ab"], 127 * views["output"])
    views["ab"].square().sum().backward()
    reached = {name for name, p in recipe.networks.named_parameters() if p.grad is not None and bool(p.grad.any())}
    assert reached == {f"generator.{name}" for name, _ in recipe.networks["generator"].named_parameters()}


def test_optimiser_is_the_authors() -> None:
    (phase,) = build().stages[0].phases
    assert phase.trains == ("generator",)
    assert (phase.optimiser.name, phase.optimiser.lr, phase.optimiser.betas) == ("adam", 1e-3, (0.9, 0.999))


# --- embeddings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of what classifiers are asked about."""
    seen: list[tuple[int, ...]] = []
    original = FrozenClassifier.forward

    def forward(self: FrozenClassifier, grey: Tensor) -> Tensor:
        seen.append(tuple(grey.shape))
        return original(self, grey)

    monkeypatch.setattr(FrozenClassifier, "forward", forward)
    return seen


def test_the_classifier_is_asked_about_each_picture_once(batch: Batch, at: At, asked: list[tuple[int, ...]]) -> None:
    recipe, samples = build(), synthetic_samples(3, 48, task="gray2rgb")
    recipe.prepare(samples)
    assert asked == [(1, 1, 48, 48)] * 3
    pairs = {**batch(2, 32), "keys": [samples[2].key, samples[0].key]}
    output = recipe(pairs, at)["output"]
    assert len(asked) == 3
    found = recipe.embeddings.find(pairs["keys"])
    expected = recipe.networks["generator"](2 * pairs["source"] - 1, found)
    assert torch.equal(output, expected)
    truth = torch.cat([recipe._embedding(samples[n].source[None]) for n in (2, 0)])
    torch.testing.assert_close(found, truth, atol=1e-3, rtol=1e-3)  # half precision


def test_embeddings_are_in_the_training_state_once_however_many_processes() -> None:
    recipe = build()
    recipe.prepare(synthetic_samples(2, 32, task="gray2rgb"))
    assert "embeddings._extra_state" in recipe.state_dict()
    assert "embeddings._extra_state" not in process_state(recipe)  # of each process but the first


def test_a_picture_that_was_not_asked_about_is_asked_about_now(
    batch: Batch, at: At, asked: list[tuple[int, ...]]
) -> None:
    recipe = build()
    recipe.prepare(synthetic_samples(1, 48, task="gray2rgb"))
    recipe({**batch(2, 32), "keys": ["synthetic/0000", "somebody/else"]}, at)
    assert asked == [(1, 1, 48, 48), (2, 1, 32, 32)]


def test_crops_can_be_asked_about(batch: Batch, at: At, asked: list[tuple[int, ...]]) -> None:
    recipe = build(embed="crop")
    recipe.prepare(synthetic_samples(1, 48, task="gray2rgb"))
    assert asked == []
    recipe({**batch(2, 32), "keys": ["synthetic/0000", "synthetic/0000"]}, at)
    assert asked == [(2, 1, 32, 32)]


def test_the_classifier_sees_grey_levels(batch: Batch) -> None:
    recipe, seen = build(), []
    recipe.networks["features"].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    recipe.predict(torch.full((1, 1, 32, 32), 0.533889), {})  # L* of the sRGB level 0.5 is 53.3889
    torch.testing.assert_close(seen[0], torch.full((1, 1, 32, 32), 0.5), atol=1e-4, rtol=0)


def test_embeddings_can_be_normalised() -> None:
    source = torch.rand(3, 1, 32, 32)
    raw, normalised = (build(embedding_norm=norm)._embedding(source) for norm in (False, True))
    expected = (raw - raw.mean(1, keepdim=True)) / (raw.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(normalised, expected, atol=1e-4, rtol=1e-4)


def test_what_the_picture_shows_reaches_every_point() -> None:
    recipe = build(width=16).eval()
    generator, source = recipe.networks["generator"], torch.rand(1, 1, 48, 48)
    outputs = [generator(source, embedding) for embedding in (torch.zeros(1, 16), 5 * torch.ones(1, 16))]
    changed = (outputs[0] - outputs[1]).abs().amax(dim=1)
    assert (changed > 0).float().mean() > 0.95


# --- weights ------------------------------------------------------------------------------------------------------


def saved(recipe: Koalarization, path: Path) -> Path:
    state = recipe.state_dict()
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, describe("koalarization", recipe))
    return path


def test_a_random_classifier_travels_in_the_weights(tmp_path: Path) -> None:
    recipe = build(seed=3).eval()
    loaded, _ = load_recipe(saved(recipe, tmp_path / "w.safetensors"))
    source = torch.rand(1, 50, 41)
    assert torch.equal(translate_source(loaded, source), translate_source(recipe, source))
    other = build(seed=4).networks["features"].state_dict()
    mine = recipe.networks["features"].state_dict()
    assert not torch.equal(other["network.0.weight"], mine["network.0.weight"])


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Weights of the tiny classifier, as if somebody had trained it."""
    torch.manual_seed(99)
    state = FrozenClassifier("tiny").network.state_dict()
    kind = replace(classifier._KINDS["tiny"], state=lambda: state)
    monkeypatch.setitem(classifier._KINDS, "resnet18", kind)
    return state


def test_published_weights_are_loaded_when_training_begins_and_only_then(
    published: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = build(features="resnet18", pretrained=True)
    weights = recipe.networks["features"].network
    assert not torch.equal(weights.state_dict()["0.weight"], published["0.weight"])
    recipe.prepare(synthetic_samples(2, 48, task="gray2rgb"))
    assert all(torch.equal(value, published[name]) for name, value in weights.state_dict().items())
    path = saved(recipe, tmp_path / "w.safetensors")
    monkeypatch.setattr(FrozenClassifier, "load_pretrained", lambda self: pytest.fail("looked for weights"))
    loaded, info = load_recipe(path)
    assert info.options["pretrained"]
    assert torch.equal(loaded.networks["features"].network.state_dict()["0.weight"], published["0.weight"])


def test_without_weights_training_says_how_to_go_on_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    settings = {"model": "koalarization", "preset": "tiny", "steps": 1, **QUICK}
    options = {"features": "resnet18", "pretrained": True}
    config = resolve_config({**settings, "options": options, "data": [str(scenes(tmp_path / "data"))]})
    with pytest.raises(NirganError, match=r"resnet18-f37072fd\.pth.*--set features\.pretrained=false"):
        train(config, out=tmp_path / "run", progress=Silent())
    assert not (tmp_path / "run").exists()


def scenes(folder: Path) -> Path:
    from nirgan.data.synth import write_scenes

    write_scenes(folder, 6, size=(40, 48))
    return folder


def test_a_run_without_pretrained_features_goes_on_from_its_own(tmp_path: Path) -> None:
    settings = {"model": "koalarization", "preset": "tiny", "data": [str(scenes(tmp_path / "data"))], **QUICK}
    first = resolve_config({**settings, "steps": 1, "seed": 5, "features": {"pretrained": False}})
    train(first, out=tmp_path / "first", progress=Silent())
    weights = [tmp_path / name / "checkpoints" / "last" / "weights.safetensors" for name in ("first", "second")]
    second = resolve_config({**settings, "steps": 1, "seed": 6, "init_from": str(weights[0])})
    train(second, out=tmp_path / "second", progress=Silent())
    one, two = (load_recipe(path)[0].networks["features"].state_dict() for path in weights)
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    state = torch.load(tmp_path / "second" / "checkpoints" / "last" / "state.pt", weights_only=True)
    kept = state["recipe"]["embeddings._extra_state"]["vectors"]
    assert kept.dtype == torch.float16
    assert kept.shape[1] == 16


# --- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crop", "options", "message"),
    [
        (36, {}, "crop 36: give a multiple of 8"),
        (32, {"pretrained": True}, r"features=tiny has no pretrained weights: give options\.pretrained=false"),
        (32, {"features": "resnet50"}, "'features' is 'resnet50'"),
        (32, {"embed": "never"}, "'embed' is 'never'"),
        (32, {"width": 1}, "'width' is 1"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(crop, **options)


@pytest.mark.parametrize("working_size", [32, None])
def test_any_size_keeps_its_lightness(working_size: int | None) -> None:
    recipe = build(working_size=working_size).eval()
    for size in ((50, 71), (9, 100)):
        source = torch.rand(1, *size, generator=torch.Generator().manual_seed(1))
        rgb = (translate_source(recipe, source) * 255).round() / 255
        assert rgb.shape == (3, *size)
        lightness = torch.from_numpy(rgb2lab(rgb.permute(1, 2, 0).double().numpy()))[..., 0]
        assert (lightness - 100 * source[0]).abs().max() <= 0.5


@pytest.mark.slow
def test_fits_a_few_pictures(at: At) -> None:
    """A small sister of the spec's trial on 50 pictures: colours of twelve scenes are learnt by heart."""
    from nirgan.data.sample import collate

    samples = synthetic_samples(12, 32, task="gray2rgb")
    recipe = build(width=16, embedding_norm=True)
    recipe.prepare(samples)
    batch = collate(samples, "image")
    optimiser = torch.optim.Adam(recipe.networks["generator"].parameters(), lr=2e-3)
    losses = []
    for _ in range(300):
        views = recipe(batch, at)
        loss = recipe.terms("generator", at)[0].fn(views)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    grey = float((views["target"] ** 2).mean())
    assert losses[-1] < 0.5 * grey
    assert losses[-1] < 0.5 * losses[0]
