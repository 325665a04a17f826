"""«Let there be Color!»: counts, two ways through one network, the hybrid loss, labels, variants."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.color import rgb2lab
from torch import Tensor, nn

from nirgan.config import read_yaml, resolve_config
from nirgan.data.files import write_picture
from nirgan.data.sample import LABEL, Pairing, Sample
from nirgan.errors import NirganError
from nirgan.generators.local_global import LocalGlobal
from nirgan.inference.run import translate_source
from nirgan.layers.init import init_kaiming
from nirgan.models import create_model
from nirgan.models.iizuka import Iizuka
from nirgan.models.recipe import At
from nirgan.models.weights import describe, load_recipe, read_weights, save_weights
from nirgan.monitoring.progress import Silent
from nirgan.training import train
from nirgan.training.init_from import take_over

Batch = Callable[..., dict[str, Any]]
TINY = {"width": 8, "classes": 5, "hidden": 6, "global_side": 32, "working_size": 32}


def build(crop: int = 32, **options: Any) -> Iizuka:
    torch.manual_seed(0)
    recipe = create_model("iizuka", crop=crop, **{**TINY, **options})
    assert isinstance(recipe, Iizuka)
    return recipe


def labelled(labels: Sequence[str]) -> list[Sample]:
    grey = torch.zeros(1, 8, 8)
    return [
        Sample(grey, None, Pairing.REGISTERED, f"set/{n}", Path("x.png"), 1.0, extras={LABEL: label})
        for n, label in enumerate(labels)
    ]


def prepared(labels: Sequence[str] = ("beach", "forest", "beach"), **options: Any) -> Iizuka:
    recipe = build(**options)
    recipe.prepare(labelled(labels))
    return recipe


def with_labels(batch: Mapping[str, Any], *labels: str) -> dict[str, Any]:
    return {**batch, LABEL: list(labels)}


def terms_of(recipe: Iizuka, at: At) -> dict[str, Any]:
    return {term.name: term for term in recipe.terms("generator", at)}


# --- networks -----------------------------------------------------------------------------------------------------


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_networks_are_those_of_the_table() -> None:
    with torch.device("meta"):
        recipe = create_model("iizuka")
        paper = create_model("iizuka", variant="paper")
    generator = recipe.networks["generator"]
    assert isinstance(generator, LocalGlobal)
    assert count(generator.low) == 2_287_488
    assert count(generator.mid) == 3_539_712
    assert count(generator.scene) + count(generator.vector) == 35_786_496
    assert count(generator.fusion) + count(generator.colour) == 556_130
    assert count(generator) == 42_169_826
    assert count(recipe.networks["classifier"]) == 351_565
    convolutions = [m for m in paper.networks["classifier"].modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [256, 205]
    # Batch norm brings a gain and a shift, and takes the bias away: one more number for each of its channels.
    norms = [m for m in paper.networks["generator"].modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 6 + 2 + 4 + 3 + 1 + 4  # all layers but the last
    assert count(paper.networks["generator"]) == 42_169_826 + sum(norm.num_features for norm in norms)


@pytest.mark.parametrize(("size", "half"), [((32, 32), False), ((32, 32), True), ((40, 24), False), ((24, 64), True)])
def test_shapes(size: tuple[int, int], half: bool) -> None:
    network = LocalGlobal(width=4, side=32, half_output=half)
    colours, scene = network(torch.rand(2, 1, *size))
    assert colours.shape == (2, 2, *(side // (2 if half else 1) for side in size))
    assert scene.shape == (2, 32, 1, 1)
    assert colours.min() >= 0
    assert colours.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("size", [(224, 224), (320, 200)])
def test_shapes_at_the_papers_sizes(size: tuple[int, int]) -> None:
    network = LocalGlobal(width=8)
    colours, scene = network(torch.rand(1, 1, *size))
    assert colours.shape == (1, 2, *size)
    assert scene.shape == (1, 64, 1, 1)
    if size == (224, 224):
        assert network.low(torch.rand(1, 1, *size)).shape == (1, 64, 28, 28)
        assert network.scene[:4](torch.rand(1, 64, 28, 28)).shape == (1, 64, 7, 7)


def test_the_square_goes_through_the_low_network_once() -> None:
    network, seen = LocalGlobal(width=4, side=32), []
    network.low.register_forward_hook(lambda *args: seen.append(args[2].shape[-1]))
    network(torch.rand(1, 1, 32, 32))
    assert seen == [4]
    network(torch.rand(1, 1, 64, 64))
    assert seen == [4, 8, 4]  # of the whole picture, and of its 32×32


def test_one_pass_equals_two() -> None:
    torch.manual_seed(0)
    network, source = LocalGlobal(width=4, side=32), torch.rand(2, 1, 32, 32)
    once, twice = network(source), network(source, scene_of=source.clone())
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


def test_another_pictures_scene_changes_colours_and_not_their_size() -> None:
    torch.manual_seed(0)
    network, source = LocalGlobal(width=16, side=32), torch.rand(1, 1, 48, 40)
    init_kaiming(network)  # PyTorch's own start lets little of the picture through so many layers
    own, other = network(source)[0], network(source, scene_of=1 - torch.rand(1, 1, 64, 72).round())[0]
    assert own.shape == other.shape
    assert not torch.allclose(own, other)


def test_colours_are_enlarged_by_nearest_neighbours() -> None:
    torch.manual_seed(0)
    whole = LocalGlobal(width=4, side=32)
    half = LocalGlobal(width=4, side=32, half_output=True)
    half.load_state_dict(whole.state_dict())
    source = torch.rand(1, 1, 40, 32)
    assert torch.equal(whole(source)[0], F.interpolate(half(source)[0], scale_factor=2, mode="nearest"))


# --- the objective ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [False, True])
def test_the_objective_by_hand(half: bool, batch: Batch, at: At) -> None:
    recipe = prepared(half_output=half, alpha=0.25)
    pairs = with_labels(batch(2, 32), "forest", "beach")
    views = recipe(pairs, at)
    lab = torch.stack([torch.from_numpy(rgb2lab(t.permute(1, 2, 0).numpy())) for t in pairs["target"]])
    truth = lab.permute(0, 3, 1, 2)[:, 1:].float()
    if half:
        truth = truth.unflatten(-1, (-1, 2)).mean(-1).unflatten(-2, (-1, 2)).mean(-2)
    drawn, scene = recipe.networks["generator"](pairs["source"])
    colours = (drawn - (truth + 128) / 256).square().mean()
    shares = recipe.networks["classifier"](scene).softmax(1)
    labels = -(shares[0, 1].log() + shares[1, 0].log()) / 2  # of beach and forest, in their order
    terms = terms_of(recipe, at)
    assert {name: term.weight for name, term in terms.items()} == {"l2": 1.0, "class": 0.25}
    assert float(terms["l2"].fn(views).detach()) == pytest.approx(float(colours.detach()), rel=1e-2)
    assert float(terms["class"].fn(views).detach()) == pytest.approx(float(labels.detach()), rel=1e-4)


def test_paired_terms_read_compared(batch: Batch, at: At) -> None:
    recipe = prepared()
    views = recipe(with_labels(batch(2, 32), "beach", "beach"), at)
    views["compared"] = views["target"] + 0.5
    assert float(terms_of(recipe, at)["l2"].fn(views)) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_views_are_those_of_recipes_that_keep_lightness(half: bool, batch: Batch, at: At) -> None:
    recipe = prepared(half_output=half, width=16)
    pairs = with_labels(batch(2, 32), "beach", "")
    views, side = recipe(pairs, at), 16 if half else 32
    assert views["lightness"].shape == (2, 1, side, side)
    assert views["ab"].shape == views["target_ab"].shape == (2, 2, side, side)
    expected = F.avg_pool2d(pairs["source"], 2) if half else pairs["source"]
    torch.testing.assert_close(views["lightness"], expected)
    torch.testing.assert_close(views["ab"], 256 * views["output"] - 128, atol=1e-3, rtol=0)
    views["ab"].sum().backward()
    assert recipe.networks["generator"].low[0][0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("ab_range", [128.0, 100.0])
def test_ab_survives_the_way_there_and_back(ab_range: float) -> None:
    recipe, ab = build(ab_range=ab_range), torch.tensor([-ab_range, -40.0, 0.0, 77.0, ab_range])
    drawn = recipe._encoded(ab)
    assert drawn[[0, 2, 4]].tolist() == [0, 0.5, 1]
    torch.testing.assert_close(recipe._decoded(drawn), ab)


def test_each_term_reaches_its_own_networks(batch: Batch, at: At) -> None:
    recipe = prepared(width=16)
    views = recipe(with_labels(batch(2, 32), "beach", "forest"), at)
    terms = terms_of(recipe, at)
    generator = recipe.networks["generator"]

    def reached(name: str) -> dict[str, bool]:
        recipe.zero_grad(set_to_none=True)
        terms[name].fn(views).backward(retain_graph=True)
        parts = {**dict(generator.named_children()), "classifier": recipe.networks["classifier"]}
        return {
            part: any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())
            for part, module in parts.items()
            if count(module)
        }

    assert reached("class") == {
        "low": True, "mid": False, "scene": True, "vector": False, "fusion": False, "colour": False, "classifier": True
    }  # fmt: skip
    assert reached("l2") == {
        "low": True, "mid": True, "scene": True, "vector": True, "fusion": True, "colour": True, "classifier": False
    }  # fmt: skip


# --- labels -------------------------------------------------------------------------------------------------------


def test_the_vocabulary_is_sorted_and_holds_each_name_once() -> None:
    assert prepared(["water", "beach", "", "water", "Wald"]).labels == ["Wald", "beach", "water"]


def test_labels_outside_the_vocabulary_do_not_count(batch: Batch, at: At) -> None:
    recipe, pairs = prepared(), batch(3, 32)
    views = recipe(with_labels(pairs, "forest", "nobody knows", ""), at)
    assert views["classes"].tolist() == [1, -1, -1]
    term = terms_of(recipe, at)["class"]
    alone = F.cross_entropy(views["logits"][:1], torch.tensor([1]))
    assert float(term.fn(views).detach()) == pytest.approx(float(alone.detach()), rel=1e-5)
    unknown = recipe(with_labels(pairs, "", "", "else"), at)
    assert float(term.fn(unknown).detach()) == 0


def test_without_labels_there_is_a_sentence_and_no_classification(
    batch: Batch, at: At, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        recipe = prepared(["", ""])
    assert "no labels" in caplog.text
    assert "alpha=0" in caplog.text
    views = recipe(with_labels(batch(2, 32), "", ""), at)
    assert [name for name, term in terms_of(recipe, at).items() if term.active(0)] == ["l2"]
    assert "logits" not in views
    recipe.terms("generator", at)[0].fn(views).backward()
    assert all(p.grad is None for p in recipe.networks["classifier"].parameters())


def test_with_alpha_0_there_is_no_classifier(batch: Batch, at: At) -> None:
    recipe = prepared(["a", "b", "c", "d", "e", "f"], alpha=0.0)  # more than classes: nobody looks
    assert list(recipe.networks) == ["generator"]
    assert recipe.stages[0].phases[0].trains == ("generator",)
    assert "logits" not in recipe(with_labels(batch(2, 32), "a", "b"), at)
    with pytest.raises(NirganError, match="know no labels"):
        recipe.classify(torch.rand(1, 1, 32, 32))


def test_more_labels_than_classes_are_refused() -> None:
    with pytest.raises(NirganError, match=r"6 labels \(a, b, c, …\).*5 apart: give --set options\.classes=6"):
        prepared(list("abcdef"))
    assert prepared(list("abcde")).labels == list("abcde")


def test_too_many_labels_are_told_before_pictures_are_read(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Iizuka, "prepare", None)  # which reads them all
    config = {"model": "iizuka", "preset": "tiny", "data": [str(photographs)], "options": {"classes": 1}}
    with pytest.raises(NirganError, match=r"2 labels \(beach, forest, …\)"):
        train(resolve_config(config), out=tmp_path / "run", progress=Silent())
    assert not (tmp_path / "run").exists()
    build(classes=1, alpha=0.0).check_labels(["beach", "forest"])  # no classifier, no limit


def test_the_vocabulary_travels_in_the_weights(tmp_path: Path) -> None:
    recipe = prepared(["Strand", "Wald", "海"]).eval()
    state, path = recipe.state_dict(), tmp_path / "w.safetensors"
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, describe("iizuka", recipe))
    loaded, _ = load_recipe(path)
    assert isinstance(loaded, Iizuka)
    assert loaded.labels == ["Strand", "Wald", "海"]
    source = torch.rand(3, 1, 32, 32)
    assert loaded.classify(source) == recipe.classify(source)


def test_the_likeliest_label_is_named() -> None:
    recipe = prepared(["a", "b", "c"]).eval()
    last = recipe.networks["classifier"][1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, 2.0, 1.0, 9.0, 9.0]))  # the last two are classes without a name
    assert recipe.classify(torch.rand(2, 1, 32, 32)) == ["b", "b"]


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "photos" / ("beach" if number % 2 else "forest")
        folder.mkdir(parents=True, exist_ok=True)
        write_picture(folder / f"{number}.png", generator.integers(0, 256, (40, 48, 3), dtype=np.uint8))
    return tmp_path / "photos"


def test_folders_are_learnt_as_labels(photographs: Path, tmp_path: Path) -> None:
    quick = {"validation": {"every_steps": 2}, "logging": {"every_steps": 1, "samples_every_steps": 0}}
    config = resolve_config({"model": "iizuka", "preset": "tiny", "data": [str(photographs)], "steps": 2, **quick})
    train(config, out=tmp_path / "run", progress=Silent())
    last = tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors"
    loaded, _ = load_recipe(last)
    assert isinstance(loaded, Iizuka)
    assert loaded.labels == ["beach", "forest"]
    assert any(name.startswith("networks.classifier.") for name in read_weights(last)[1])
    with (tmp_path / "run" / "metrics.csv").open() as table:
        tags = {row["tag"] for row in csv.DictReader(table)}
    assert {"loss/generator/l2", "loss/generator/class"} <= tags


@pytest.mark.parametrize(
    ("labels", "options", "kept"),
    [
        (["forest", "beach"], {}, [True, True]),
        (["alley", "beach"], {}, [True, False]),  # as many, but the logits had other names
        (["beach", "forest"], {"classes": 7}, [True, False]),
        (["beach", "forest"], {"hidden": 8}, [False, False]),
    ],
)
def test_the_classifier_is_taken_over_as_far_as_it_says_the_same(
    labels: list[str], options: dict[str, Any], kept: list[bool], tmp_path: Path
) -> None:
    before, path = prepared(["beach", "forest"]), tmp_path / "w.safetensors"
    with torch.no_grad():
        for parameter in before.networks.parameters():
            parameter += 1  # else two recipes are drawn alike
    state = before.state_dict()
    save_weights(path, {name: state[name] for name in before.weight_names()}, describe("iizuka", before))
    recipe = build(**options)
    take_over(recipe, resolve_config({"model": "iizuka", "init_from": str(path)}))
    recipe.prepare(labelled(labels))
    assert recipe.labels == sorted(labels)
    now = recipe.state_dict()
    names = ["networks.classifier.0.0.bias", "networks.classifier.1.bias"]
    assert [torch.equal(now[name], state[name]) for name in names] == kept
    if not kept[1]:
        assert not now[names[1]].any()  # as drawn
    assert torch.equal(now["networks.generator.low.0.0.weight"], state["networks.generator.low.0.0.weight"])


def test_a_classifier_without_a_loss_names_nothing(batch: Batch, at: At) -> None:
    recipe = create_model("iizuka", crop=32, **TINY, adversarial="lab", lambda_own=0.0, lambda_l1=100.0)
    assert isinstance(recipe, Iizuka)
    recipe.prepare(labelled(["beach", "forest"]))
    assert "logits" not in recipe(with_labels(batch(2, 32), "beach", "forest"), at)
    with pytest.raises(NirganError, match="know no labels.*lambda_own was 0"):
        recipe.classify(torch.rand(1, 1, 32, 32))


# --- variants and options -----------------------------------------------------------------------------------------


def test_variants() -> None:
    ours, paper = build(), build(variant="paper")
    assert not any(isinstance(m, nn.BatchNorm2d) for m in ours.modules())
    optimisers = [recipe.stages[0].phases[0].optimiser for recipe in (ours, paper)]
    assert [(o.name, o.lr) for o in optimisers] == [("adam", 1e-4), ("adadelta", 1.0)]
    source = torch.rand(1, 1, 32, 40)
    assert ours.eval().predict(source, {}).shape == (1, 2, 32, 40)
    assert paper.eval().predict(source, {}).shape == (1, 2, 16, 20)
    assert build(variant="paper", half_output=False).eval().predict(source, {}).shape == (1, 2, 32, 40)


def test_batch_norm_needs_a_batch(batch: Batch, at: At) -> None:
    recipe = prepared(variant="paper")
    with pytest.raises(ValueError, match="more than 1 value per channel"):  # the trainer says what to do
        recipe(with_labels(batch(1, 32), "beach"), at)
    assert recipe(with_labels(batch(2, 32), "beach", "forest"), at)["ab"].isfinite().all()


def test_paper_settings_resolve() -> None:
    folder = Path(__file__).parents[2] / "experiments"
    theirs = resolve_config(read_yaml(folder / "iizuka-jacob-darcet.yaml"))
    assert (theirs.batch_size, theirs.options["variant"], theirs.epochs) == (32, "jacob-darcet", 14.0)
    assert math.isclose(theirs.options["alpha"], 1 / 300)
    assert resolve_config(read_yaml(folder / "iizuka.yaml")).options["variant"] == "paper"


@pytest.mark.parametrize(
    ("crop", "options", "message"),
    [
        (36, {}, "crop 36: give a multiple of 8"),
        (32, {"global_side": 48}, "global_side is 48.*multiple of 32"),
        (32, {"alpha": -1.0}, "'alpha' is -1.0"),
        (32, {"ab_range": 0.0}, "'ab_range' is 0.0"),
        (32, {"width": 1}, "'width' is 1"),
        (32, {"variant": "journal"}, "'variant' is 'journal'"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(crop, **options)


@pytest.mark.parametrize("working_size", [32, None])
@pytest.mark.parametrize("variant", ["jacob-darcet", "paper"])
def test_any_size_keeps_its_lightness(working_size: int | None, variant: str) -> None:
    recipe = build(variant=variant, working_size=working_size).eval()
    for size in ((50, 71), (9, 100)):
        source = torch.rand(1, *size, generator=torch.Generator().manual_seed(1))
        rgb = (translate_source(recipe, source) * 255).round() / 255
        assert rgb.shape == (3, *size)
        lightness = torch.from_numpy(rgb2lab(rgb.permute(1, 2, 0).double().numpy()))[..., 0]
        assert (lightness - 100 * source[0]).abs().max() <= 0.5


def test_what_predicts_is_what_trains(batch: Batch, at: At) -> None:
    recipe, pairs = prepared().eval(), with_labels(batch(2, 32), "beach", "beach")
    expected: Tensor = recipe(pairs, at)["ab"]
    torch.testing.assert_close(recipe.predict(pairs["source"], {}), expected)
