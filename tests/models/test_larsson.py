"""Larsson et al.: the network's start, points and their colours, objective, decoding, what of the source is kept."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.vgg import make_layers

from nirgan.color import lightness, rgb_to_lab
from nirgan.color.lab import lightness_to_gray
from nirgan.config import resolve_config
from nirgan.data.sample import Sample
from nirgan.errors import NirganError
from nirgan.generators.hypercolumn import Hypercolumn
from nirgan.inference.predict import predict_picture
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.larsson import start
from nirgan.models.larsson.histograms import BINS, HISTOGRAMS, circular_mean, median, shares
from nirgan.models.larsson.places import cell_places, colours_around, from_minus_one_to_one, random_places
from nirgan.models.recipe import Recipe
from nirgan.testing import synthetic_samples
from nirgan.training.optim import rate_factor

TINY = {"width": 4, "fc": 32, "hidden": 32, "margin": 0, "pretrained": False}


def build(crop: int = 64, **options: Any) -> Recipe:
    torch.manual_seed(0)
    return create_model("larsson", crop=crop, **{**TINY, **options})


def strong(**options: Any) -> Recipe:
    """In eval mode, and decided."""
    recipe = build(**options)
    recipe.prepare(synthetic_samples(2, 64, task="gray2rgb"))
    recipe.eval().requires_grad_(False)
    recipe.networks["generator"].top[-1].weight.mul_(100)
    return recipe


@pytest.fixture
def pairs(batch: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Three coloured pictures and their own lightness, float32."""
    pairs = batch(3, 64)
    return {**pairs, "source": lightness(pairs["target"])}


def one_hot(number: int) -> Tensor:
    return F.one_hot(torch.tensor([[[number]]]), BINS).movedim(-1, 1).float()


UNIFORM = torch.full((1, BINS, 1, 1), 1 / BINS)


# --- what it is ---------------------------------------------------------------------------------------------------


def test_the_network_is_that_of_the_release() -> None:
    with torch.device("meta"):
        recipe = create_model("larsson")
    network = recipe.networks["generator"]
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in network.layers.items()}
    assert sum(count for name, count in counts.items() if name.startswith("conv")) == 14_713_536
    assert counts["fc6"] + counts["fc7"] == 119_545_856
    assert sum(p.numel() for p in network.mix.parameters()) == 12_417 * 1024 + 1024 == 12_716_032
    assert sum(p.numel() for p in network.top.parameters()) == 65_600
    total = sum(p.numel() for p in recipe.parameters())
    assert total == 147_041_024
    assert round(4 * total / 1e6) == 588  # megabytes, as published
    assert (recipe.stride, recipe.halo, recipe.whole_picture) == (32, 256, False)
    assert (recipe.working_size, recipe.tasks, recipe.conditions) == (256, ("gray2rgb",), ())


def test_the_small_one_is_small() -> None:
    options = resolve_config({"model": "larsson", "preset": "small"}).options
    with torch.device("meta"):
        recipe = create_model("larsson", crop=128, **options)
    assert sum(p.numel() for p in recipe.parameters()) == 3_011_600


def test_rates_fall_after_a_half_and_three_quarters() -> None:
    (phase,) = build().stages[0].phases
    rates = [phase.optimiser.lr * rate_factor(phase.optimiser.schedule, p, 1) for p in (0.0, 0.49, 0.51, 0.74, 0.76, 1)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


# --- the start ----------------------------------------------------------------------------------------------------

WIDTHS = [4, 4, "M", 8, 8, "M", 16, 16, 16, "M", 32, 32, 32, "M", 32, 32, 32, "M"]


class Vgg(nn.Module):
    """torchvision's, a sixteenth as wide."""

    def __init__(self, *, batch_norm: bool) -> None:
        super().__init__()
        self.features = make_layers(WIDTHS, batch_norm=batch_norm)
        self.classifier = nn.Sequential(
            nn.Linear(32 * 7 * 7, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(), nn.Dropout(),
            nn.Linear(16, 10),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, 0, 0.1)
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.normal_(module.weight, 1, 0.1)
                nn.init.normal_(module.bias, 0, 0.1)


@pytest.mark.parametrize("norm", ["none", "batch"])
@torch.no_grad()
def test_converted_layers_compute_what_vggs_do(norm: Any) -> None:
    torch.manual_seed(0)
    vgg = Vgg(batch_norm=norm == "batch").eval()
    network = Hypercolumn(width=4, fc=16, hidden=8, norm=norm).eval()
    start.take_vgg(network, vgg.state_dict())
    gray = torch.rand(1, 1, 224, 224)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    ours = list(network.features(gray - start.GRAY_MEAN))
    first = 3 if norm == "batch" else 2
    theirs = vgg.features[:first]((gray.expand(-1, 3, -1, -1) - mean) / std)
    inner = (..., slice(1, -1), slice(1, -1))  # VGG pads with another grey
    assert torch.allclose(ours[1][inner], theirs[inner], atol=1e-4)
    assert torch.allclose(ours[13], vgg.features[first:-1](ours[1]), atol=1e-4)
    pooled = vgg.features[-1](ours[13])
    assert pooled.shape == (1, 32, 7, 7)
    assert torch.allclose(ours[14][:, :, 3, 3], vgg.classifier[:2](pooled.flatten(1)), atol=1e-4)
    assert torch.allclose(ours[15][:, :, 3, 3], vgg.classifier[3:5](ours[14][:, :, 3, 3]), atol=1e-4)


def test_the_converted_network_may_leave_the_classifier_out() -> None:
    vgg = Vgg(batch_norm=False)
    network = Hypercolumn(width=4, fc=0, hidden=8)
    start.take_vgg(network, vgg.state_dict())
    assert torch.equal(network.layers["conv5_3"][0].weight, vgg.features[28].weight)


@pytest.mark.parametrize(("norm", "name"), [("none", "VGG16_Weights"), ("batch", "VGG16_BN_Weights")])
def test_the_weights_are_torchvisions(norm: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    vgg = Vgg(batch_norm=norm == "batch")
    monkeypatch.setattr(start, "torchvision_state", lambda name: asked.append(name) or vgg.state_dict())
    network = Hypercolumn(width=4, fc=16, hidden=8, norm=norm)
    start.load_vgg(network)
    assert asked == [f"{name}.IMAGENET1K_V1"]
    assert torch.equal(network.layers["fc7"][0].weight[:, :, 0, 0], vgg.classifier[3].weight)


@pytest.mark.parametrize(("norm", "file"), [("rescale", "vgg16-397923af.pth"), ("batch", "vgg16_bn-6c64b313.pth")])
def test_without_the_file_it_says_what_to_do(
    norm: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    recipe = create_model("larsson", crop=64, fc=0, hidden=8, margin=0, norm=norm)
    with pytest.raises(NirganError, match=f"{file}.*download.pytorch.org.*--set features.pretrained=false"):
        recipe.prepare([])


@torch.no_grad()
def test_rescaled_layers_have_one_scale_and_compute_the_same() -> None:
    torch.manual_seed(0)
    network = Hypercolumn(width=4, fc=16, hidden=8)
    for part in network.layers.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.bias, 0, 0.3)
    pictures = [torch.rand(1, 1, 64, 64) - 0.45 for _ in range(3)]
    before = [list(network.eval().features(picture)) for picture in pictures]
    network.train()
    start.rescale(network, iter(pictures))
    assert network.training
    after = [list(network.eval().features(picture)) for picture in pictures]
    for old, new in zip(zip(*before, strict=True), zip(*after, strict=True), strict=True):
        old, new = torch.cat(old), torch.cat(new)
        if old.shape[1] == 1:
            assert torch.equal(old, new)  # the source
            continue
        assert float(new.square().mean()) == pytest.approx(1, rel=1e-3)
        assert torch.allclose(new * old.square().mean().sqrt(), old, rtol=1e-3, atol=1e-4)


def test_a_dead_layer_does_no_harm() -> None:
    network = Hypercolumn(width=4, fc=0, hidden=8)
    nn.init.zeros_(network.layers["conv3_2"][0].weight)
    start.rescale(network, [torch.rand(1, 1, 64, 64)])
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_preparation_rescales_once() -> None:
    samples = synthetic_samples(3, 64, task="gray2rgb")
    recipe = build(working_size=64)
    recipe.prepare(samples)
    network = recipe.networks["generator"].eval()
    scales = [
        torch.stack([list(network.features(lightness_to_gray(s.source[None]) - start.GRAY_MEAN))[n] for s in samples])
        for n in range(1, 16)
    ]
    assert [float(scale.square().mean().detach()) for scale in scales] == pytest.approx([1] * 15, rel=1e-3)
    state = {name: value.clone() for name, value in recipe.state_dict().items()}

    def unread() -> Iterator[Sample]:
        raise AssertionError("read")
        yield

    recipe.prepare(unread())  # as after --init-from: the layers come with what reads them
    assert all(torch.equal(value, state[name]) for name, value in recipe.state_dict().items())
    assert "networks.generator.started" in recipe.weight_names()


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_others_are_not_rescaled(norm: str) -> None:
    recipe = build(norm=norm)
    before = recipe.networks["generator"].layers["conv1_1"][0].weight.clone()
    recipe.prepare([])
    assert torch.equal(before, recipe.networks["generator"].layers["conv1_1"][0].weight)


# --- points -------------------------------------------------------------------------------------------------------


def test_points_keep_away_from_the_border() -> None:
    crops, generator = torch.zeros(2, 1, 32, 64), torch.Generator().manual_seed(0)
    places = random_places(crops, 2000, 12, generator)
    assert places.shape == (2, 2000, 2)
    assert [int(v) for v in (*places.amin((0, 1)), *places.amax((0, 1)))] == [12, 12, 19, 51]
    assert not torch.equal(places, random_places(crops, 2000, 12, generator))
    assert torch.equal(places, random_places(crops, 2000, 12, torch.Generator().manual_seed(0)))


def test_cells_have_their_middle_pixels() -> None:
    places = cell_places(torch.zeros(2, 1, 8, 12))
    assert places[1].tolist() == [[2, 2], [2, 6], [2, 10], [6, 2], [6, 6], [6, 10]]


def test_places_are_those_of_the_sampler() -> None:
    crops = torch.arange(2 * 6 * 8).view(2, 1, 6, 8).float()
    places = torch.tensor([[[0, 0], [5, 7], [2, 3]], [[1, 6], [4, 0], [5, 5]]])
    sampled = F.grid_sample(crops, from_minus_one_to_one(places, crops)[:, None], align_corners=False)
    assert torch.allclose(sampled[:, :, 0], colours_around(crops, places, 1)[:, :, 0], atol=1e-3)
    assert colours_around(crops, places, 1)[1, 0, 0].tolist() == [48 + 8 + 6, 48 + 32, 48 + 45]


def test_a_window_repeats_the_border() -> None:
    crops = torch.arange(20).view(1, 1, 4, 5)
    around = colours_around(crops, torch.tensor([[[1, 1], [0, 4]]]), 3)
    assert around[0, 0, :, 0].tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert around[0, 0, :, 1].tolist() == [3, 4, 4, 3, 4, 4, 8, 9, 9]


def test_shares_count_the_windows_colours() -> None:
    found = shares(torch.tensor([[[0, 5], [0, 5], [31, 5], [7, 5]]]))  # (1,4,2)
    assert found.shape == (1, BINS, 2)
    assert {n: float(found[0, n, 0]) for n in (0, 7, 31)} == {0: 0.5, 7: 0.25, 31: 0.25}
    assert float(found[0, 5, 1]) == 1
    assert torch.allclose(found.sum(1), torch.ones(1, 2))


# --- the objective ------------------------------------------------------------------------------------------------


def drawn(recipe: Recipe, pairs: dict[str, Any]) -> tuple[Tensor, np.ndarray]:
    """The places that the first step draws, and the log of what is predicted there (3,64,128)."""
    gray = lightness_to_gray(pairs["source"])
    places = random_places(gray, 128, 0, torch.Generator().manual_seed(0))
    logits = recipe.networks["generator"].at(gray - 0.4488, from_minus_one_to_one(places, gray))[:, :, 0]
    return places, torch.cat([part.log_softmax(1) for part in logits.split(BINS, 1)], 1).detach().numpy()


def test_the_loss_by_hand(pairs: dict[str, Any], phase_values) -> None:
    recipe = build().eval()
    places, logs = drawn(recipe, pairs)
    chromas, hues = [], []
    for picture in range(3):
        for number, (row, column) in enumerate(places[picture].tolist()):
            colour = pairs["target"][picture, :, row, column].tolist()
            chroma = max(colour) - min(colour)
            hue = colorsys.rgb_to_hsv(*colour)[0]
            chromas.append(-logs[picture, min(31, int(32 * chroma)), number])
            hues.append(-chroma * logs[picture, 32 + min(31, int(32 * hue)), number])
    found = phase_values(recipe, "generator", pairs)
    assert list(found) == ["class_chroma", "class_hue"]
    assert float(found["class_chroma"]) == pytest.approx(np.mean(chromas), rel=1e-4)
    assert float(found["class_hue"]) == pytest.approx(np.mean(hues), rel=1e-4)


def test_the_weights_are_the_papers(at) -> None:
    assert [term.weight for term in build().terms("generator", at)] == [1.0, 5.0]
    assert [term.weight for term in build(lambda_hue=2.0).terms("generator", at)] == [1.0, 2.0]
    assert [term.weight for term in build(variant="lab").terms("generator", at)] == [1.0, 1.0]


def test_the_loss_of_lab_by_hand(pairs: dict[str, Any], at, phase_values) -> None:
    recipe = build(variant="lab").eval()
    _, logs = drawn(recipe, pairs)
    edges = [NormalDist(0, 25).inv_cdf(k / 32) for k in range(1, 32)]
    true = recipe(pairs, at)["target_ab"][:, :, 0].numpy()  # (3,2,128)
    found = phase_values(recipe, "generator", pairs)
    assert list(found) == ["class_a", "class_b"]
    for axis, name in enumerate(("class_a", "class_b")):
        bins = np.digitize(true[:, axis], edges)
        expected = [-logs[p, 32 * axis + bins[p, n], n] for p in range(3) for n in range(128)]
        assert float(found[name]) == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_target_costs_nothing(pairs: dict[str, Any], at) -> None:
    for options in ({}, {"variant": "lab"}, {"window": 7}, {"mid_tones": True}):
        recipe = build(**options)
        views = recipe(pairs, at)
        for term in recipe.terms("generator", at):
            name = term.name.removeprefix("class_")
            perfect = {**views, f"{name}_logits": views[f"{name}_histogram"].clamp(min=1e-12).log()}
            assert abs(float(term.fn(perfect))) < 1e-5
            assert float(term.fn(views).detach()) > 0.1 * (name != "hue")


def test_views_are_of_the_same_points(pairs: dict[str, Any], at) -> None:
    recipe = build()
    views = recipe(pairs, at)
    places, _ = drawn(recipe, pairs)
    lab = rgb_to_lab(pairs["target"])
    for picture, number in ((0, 0), (1, 77), (2, 127)):
        row, column = places[picture, number].tolist()
        expected = lab[picture, :, row, column]
        assert torch.allclose(views["target_ab"][picture, :, 0, number], expected[1:], atol=1e-3)
        assert float(100 * views["lightness"][picture, 0, 0, number]) == pytest.approx(float(expected[0]), abs=0.01)
    assert views["ab"].shape == views["target_ab"].shape == (3, 2, 1, 128)


def test_without_points_all_cells_are_trained_on(pairs: dict[str, Any], at) -> None:
    recipe = build(positions=0)
    views = recipe(pairs, at)
    assert views["ab"].shape == views["target_ab"].shape == (3, 2, 16, 16)
    assert views["lightness"].shape == (3, 1, 16, 16)
    assert views["hue_logits"].shape == views["hue_histogram"].shape == (3, BINS, 16, 16)
    assert torch.allclose(views["target_ab"], rgb_to_lab(pairs["target"])[:, 1:, 2::4, 2::4], atol=1e-4)


def test_a_window_gives_histograms(pairs: dict[str, Any], at) -> None:
    single, wide = build(positions=0)(pairs, at), build(positions=0, window=7)(pairs, at)
    assert (single["chroma_histogram"].amax(1) == 1).all()
    assert (wide["chroma_histogram"].amax(1) < 1).any()
    assert torch.allclose(wide["chroma_histogram"].sum(1), torch.ones(3, 16, 16))
    assert torch.allclose(49 * wide["hue_histogram"], (49 * wide["hue_histogram"]).round(), atol=1e-4)
    assert torch.equal(single["target_ab"], wide["target_ab"])  # of the pixel in the middle
    rgb = pairs["target"][0, :, 19:26, 27:34]  # around (22, 30)
    chroma = (rgb.amax(0) - rgb.amin(0)).mean()
    assert torch.isclose(wide["hue_weights"][0, 5, 7], chroma)


def test_mid_tones_count_more(pairs: dict[str, Any], at) -> None:
    views = build(positions=0, mid_tones=True)(pairs, at)
    for level, weight in ((0.0, 0.0), (0.1, 0.3), (1 / 3, 1.0), (0.5, 1.0), (0.9, 0.3)):
        grey = lightness(torch.full((1, 3, 64, 64), level))
        seen = build(positions=0, mid_tones=True)({"source": grey, "target": pairs["target"][:1]}, at)
        assert float(seen["chroma_weights"][0, 3, 3]) == pytest.approx(weight, abs=1e-3)
    assert views["chroma_weights"].shape == (3, 16, 16)
    assert "chroma_weights" not in build()(pairs, at)


@pytest.mark.parametrize("options", [{}, {"positions": 0}, {"norm": "batch"}, {"variant": "lab"}, {"fc": 0}])
def test_everything_learns(options: dict[str, Any], pairs: dict[str, Any], at) -> None:
    recipe = build(**options)
    views = recipe(pairs, at)
    sum(term.weight * term.fn(views) for term in recipe.terms("generator", at)).backward()
    assert all(p.grad is not None and p.grad.any() for p in recipe.networks.parameters())


def test_the_predicted_colours_can_be_judged(pairs: dict[str, Any], at) -> None:
    recipe = build(positions=0)
    recipe(pairs, at)["ab"].square().mean().backward()
    gradients = [p.grad for p in recipe.networks.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients if gradient is not None)
    judged = build(positions=0, adversarial="lab", judge_width=4)(pairs, at)
    assert judged["judged_output"].shape == (3, 3, 64, 64)


# --- from histograms to colour -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 9, 20, 31])
def test_one_bin_is_its_middle(number: int) -> None:
    hue, length = circular_mean(one_hot(number))
    assert float(hue) == pytest.approx((number + 0.5) / 32, abs=1e-6)
    assert float(length) == pytest.approx(1 / 32)
    assert float(median(one_hot(number))) == pytest.approx((number + 0.5) / 32)


def test_hues_go_round() -> None:
    hue, length = circular_mean((one_hot(0) + one_hot(31)) / 2)
    assert min(float(hue), 1 - float(hue)) < 1e-6  # red; the plain mean would be cyan
    assert float(length) == pytest.approx(math.cos(math.pi / 32) / 32)


def test_half_lies_below_the_median() -> None:
    assert float(median(UNIFORM)) == pytest.approx(0.5)
    assert float(median((one_hot(3) + one_hot(9)) / 2)) == pytest.approx(4 / 32)  # all of the third, none of the ninth
    assert float(median(0.2 * one_hot(3) + 0.8 * one_hot(9))) == pytest.approx((9 + 0.3 / 0.8) / 32)


def test_an_undecided_hue_fades() -> None:
    gray = torch.full((1, 1, 1), 0.5)
    ab = HISTOGRAMS["hue-chroma"].ab
    assert float(circular_mean(UNIFORM)[1]) < 1e-8
    assert ab(one_hot(16), UNIFORM, gray).abs().max() < 0.01
    for share, factor in ((0.48, 0.5), (0.96, 1.0), (1.0, 1.0)):  # 0.03 is 0.96 of a 32nd
        found = ab(one_hot(8), share * one_hot(4) + (1 - share) * UNIFORM, gray)
        pure = np.array(colorsys.hsv_to_rgb(4.5 / 32, 1, 1))
        rgb = 0.5 + factor * 8.5 / 32 * (pure - pure.mean())
        expected = rgb_to_lab(torch.from_numpy(rgb).float().view(1, 3, 1, 1))[:, 1:]
        assert torch.allclose(found, expected, atol=0.01)


def test_labs_bins_are_quantiles() -> None:
    histograms = HISTOGRAMS["lab"]
    for number in (0, 5, 31):
        found = histograms.ab(one_hot(number), one_hot(31 - number), torch.zeros(1, 1, 1)).flatten().tolist()
        quantile = NormalDist(0, 25).inv_cdf((number + 0.5) / 32)
        assert found == pytest.approx([quantile, -quantile], abs=1e-3)
    mean = histograms.ab((one_hot(3) + one_hot(20)) / 2, UNIFORM, torch.zeros(1, 1, 1)).flatten().tolist()
    middles = [NormalDist(0, 25).inv_cdf((k + 0.5) / 32) for k in (3, 20)]
    assert mean == pytest.approx([sum(middles) / 2, 0], abs=1e-3)


# --- prediction ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["hue-chroma", "lab"])
def test_a_picture_becomes_colours_of_its_size(variant: str) -> None:
    raw = strong(variant=variant).predict(torch.rand(2, 1, 64, 96), {})
    assert raw.shape == (2, 2, 64, 96)
    assert raw.isfinite().all()
    assert raw.std() > 1


def test_lightness_is_kept() -> None:
    recipe, source = strong(working_size=64), torch.rand(1, 90, 133, generator=torch.Generator().manual_seed(0))
    output = translate_source(recipe, source)
    assert (output - output.mean(0)).abs().max() > 0.05  # it is coloured
    stored = (255 * output).round() / 255
    assert (100 * (lightness(stored) - source)).abs().max() < 0.5


def test_the_papers_way_keeps_the_mean_of_the_channels() -> None:
    recipe = strong(working_size=64, keep="channel-mean")
    recipe.networks["generator"].top[-1].weight.mul_(0.3)  # colours that need little clipping
    source = torch.rand(1, 90, 133, generator=torch.Generator().manual_seed(0))
    output = translate_source(recipe, source)
    whole = ((output > 0) & (output < 1)).all(dim=0)
    assert whole.float().mean() > 0.1
    assert (output - output.mean(0))[:, whole].abs().max() > 0.02
    assert (output.mean(0) - lightness_to_gray(source)[0])[whole].abs().max() < 1e-5


@pytest.mark.parametrize("keep", ["lightness", "channel-mean"])
def test_who_knows_no_hue_leaves_grey(keep: str) -> None:
    recipe = strong(working_size=64, keep=keep)
    recipe.networks["generator"].top[-1].weight.zero_()
    source = torch.rand(1, 64, 70, generator=torch.Generator().manual_seed(0))
    output = translate_source(recipe, source)
    assert (output - lightness_to_gray(source)).abs().max() < 1e-3


def test_tiles_equal_the_whole_picture() -> None:
    recipe = strong(fc=0, variant="lab")  # whose colours never jump, as hues do that are undecided
    side = 3 * recipe.halo
    assert (recipe.stride, recipe.halo, side) == (16, 128, 384)
    source = torch.rand(1, 1, side, 2 * side, generator=torch.Generator().manual_seed(0))
    whole, tiled = (predict_picture(recipe, source, {}, tile=tile) for tile in (0, side))
    assert (whole - tiled).abs().max() < 0.01  # of Lab's units, of which colours differ by tens
    assert whole.std() > 1


# --- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crop": 48}, "at crop 48: give a multiple of 32$"),
        ({"crop": 24, "fc": 0}, "at crop 24: give a multiple of 16$"),
        ({"margin": 32}, "at crop 64: give a multiple of 32 above 64, or a smaller --set options.margin"),
        ({"pretrained": True}, "width 64 and fc 4096 or 0, not 4 and 32.*--set features.pretrained=false"),
        ({"pretrained": True, "width": 64, "fc": 512}, "not 64 and 512"),
        ({"window": 4}, "window is 4, but must be odd"),
        ({"mid_tones": True, "variant": "lab"}, "variant=lab does not have"),
        ({"adversarial": "lab"}, "adversarial: larsson trains on single points.*--set options.positions=0"),
        ({"dropout": 1.0}, "'dropout' is 1.0"),
        ({"lambda_hue": -1.0}, "'lambda_hue' is -1.0"),
        ({"keep": "mean"}, "'keep' is 'mean'"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(NirganError, match=words):
        build(**options)


def test_margins_are_of_points() -> None:
    assert build(margin=200, positions=0).stride == 32


# --- learning -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"norm": "batch", "positions": 0}])
def test_flat_pictures_are_learnt_by_heart(options: dict[str, Any], train_step) -> None:
    colours = torch.tensor([(0.8, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.3, 0.8), (0.9, 0.8, 0.2)])
    target = colours[:, :, None, None].expand(-1, -1, 64, 64)
    flat = {"source": lightness(target), "target": target}
    recipe = build(dropout=0.0, **options)
    recipe.prepare(synthetic_samples(2, 64, task="gray2rgb"))
    logs = [train_step(recipe, flat, step) for step in range(40)]
    for name in ("generator/class_chroma", "generator/class_hue"):
        assert logs[-1][name] < 0.7 * logs[0][name]
