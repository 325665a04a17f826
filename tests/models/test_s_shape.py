"""S-shape network: what EdgeNet does in each mode, the objective by hand, ranges, edges of the truth."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.color import lightness
from nirgan.config import resolve_config
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import Recipe
from nirgan.models.s_shape.edges import edges
from nirgan.models.weights import describe, load_recipe, save_weights
from nirgan.training import train
from nirgan.training.optim import rate_factor


def build(crop: int = 32, **options: Any) -> Recipe:
    torch.manual_seed(0)
    return create_model("s-shape", crop=crop, **{"width": 4, **options})


def views_of(recipe: Recipe, batch: dict[str, Any], at: Any) -> dict[str, Any]:
    views = {**batch, **recipe(batch, at)}
    return views | recipe.phase_views("generator", views, at)


def total(recipe: Recipe, views: dict[str, Any], at: Any) -> Tensor:
    return sum(t.weight * t.fn(views) for t in recipe.terms("generator", at) if t.active(at.step))


@pytest.mark.parametrize(
    ("options", "edge_net"),
    [
        ({}, 77_571),
        ({"edge_mode": "residual"}, 77_571),
        ({"edge_mode": "difference"}, 2_499),
        ({"edge_mode": "difference", "edge_depth": 2}, 76_417),
        ({"lambda_edge": 0.0}, None),
    ],
)
def test_networks_are_those_of_the_tables(options: dict[str, Any], edge_net: int | None) -> None:
    with torch.device("meta"):
        recipe = create_model("s-shape", **options)
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in recipe.networks.items()}
    assert counts == {"color_net": 13_394_307, **({"edge_net": edge_net} if edge_net else {})}
    (stage,) = recipe.stages
    assert [phase.trains for phase in stage.phases] == [tuple(counts)]


# --- the objective -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["refine", "residual"])
@pytest.mark.parametrize("value_range", ["signed", "unit"])
def test_objective_of_a_drawing_edgenet_by_hand(mode: str, value_range: str, batch, at) -> None:
    recipe, pairs = build(edge_mode=mode, value_range=value_range, lambda_edge=0.3), batch(2, 32)
    views = views_of(recipe, pairs, at)
    scale, shift = (2, 1) if value_range == "signed" else (1, 0)
    source, target = scale * pairs["source"] - shift, scale * pairs["target"] - shift
    color = recipe.networks["color_net"](source)
    refined = recipe.networks["edge_net"](color)
    by_hand = F.mse_loss(color, target) + 0.3 * F.mse_loss(refined, target)
    assert float(total(recipe, views, at).detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    assert torch.equal(views["output"], views["compared"])
    torch.testing.assert_close(views["output"], refined)


@pytest.mark.parametrize("value_range", ["signed", "unit"])
@pytest.mark.parametrize("of", ["red", "lightness"])
def test_objective_with_the_truths_edges_by_hand(of: str, value_range: str, batch, at) -> None:
    options = {"edge_mode": "difference", "edges_of": of, "value_range": value_range, "lambda_edge": 0.3}
    recipe, pairs = build(**options), batch(2, 32)
    views = views_of(recipe, pairs, at)
    scale, shift = (2, 1) if value_range == "signed" else (1, 0)
    source, target = scale * pairs["source"] - shift, scale * pairs["target"] - shift
    color = recipe.networks["color_net"](source)
    drawn = recipe.networks["edge_net"]((color - target) / scale)  # the wider range is halved
    channel = pairs["target"][:, :1] if of == "red" else lightness(pairs["target"])
    kernel = torch.full((1, 1, 3, 3), -1.0)
    kernel[0, 0, 1, 1] = 8
    wanted = F.conv2d(F.pad(channel, (1, 1, 1, 1), mode="replicate"), kernel).clamp(0, 1)
    by_hand = F.mse_loss(color, target) + 0.3 * F.mse_loss(drawn, wanted)
    assert float(total(recipe, views, at).detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


@pytest.mark.parametrize("mode", ["refine", "difference"])
def test_paired_terms_read_what_registration_may_replace(mode: str, batch, at) -> None:
    recipe = build(edge_mode=mode)
    views = {**batch(2, 32), **recipe(batch(2, 32), at)}
    views["compared"] = views["target"] + 0.5
    views |= recipe.phase_views("generator", views, at)
    values = {t.name: float(t.fn(views).detach()) for t in recipe.terms("generator", at)}
    assert values["l2_refined" if mode == "refine" else "l2_color"] == pytest.approx(0.25, rel=1e-4)
    if mode == "difference":
        drawn = recipe.networks["edge_net"](torch.full_like(views["target"], 0.25))
        torch.testing.assert_close(views["edges"], drawn)


@pytest.mark.parametrize("mode", ["refine", "residual", "difference"])
def test_without_weight_there_is_colornet_alone(mode: str, batch, at) -> None:
    alone, full, pairs = build(edge_mode=mode, lambda_edge=0.0), build(edge_mode=mode), batch(2, 32)
    assert list(alone.networks) == ["color_net"]
    color_net = full.networks["color_net"]
    for name, value in alone.networks["color_net"].state_dict().items():
        assert torch.equal(value, color_net.state_dict()[name])  # one seed, one start, EdgeNet or not
    total(alone, views_of(alone, pairs, at), at).backward()
    F.mse_loss(color_net(2 * pairs["source"] - 1), 2 * pairs["target"] - 1).backward()
    for ours, theirs in zip(alone.parameters(), color_net.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    source = pairs["source"]
    expected = ((color_net.eval()(2 * source - 1) + 1) / 2).clamp(0, 1)
    assert torch.equal(alone.eval().compose(source, alone.predict(source, {})), expected)


# --- gradient ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"edge_mode": "difference"}, {"edge_depth": 1}, {"value_range": "unit"}])
def test_one_phase_trains_both_networks(options: dict[str, Any], batch, at) -> None:
    recipe = build(**options)
    total(recipe, views_of(recipe, batch(2, 32), at), at).backward()
    assert all(p.grad is not None for p in recipe.parameters())
    # Biases before batch norm get rounding noise alone.
    assert all(p.grad.any() for p in recipe.parameters() if p.ndim > 1)


@pytest.mark.parametrize(("mode", "term"), [("refine", "l2_refined"), ("difference", "edges")])
def test_edgenets_term_teaches_colornet_and_not_the_other_way(mode: str, term: str, batch, at) -> None:
    recipe = build(edge_mode=mode)
    views = views_of(recipe, batch(2, 32), at)
    terms = {t.name: t for t in recipe.terms("generator", at)}
    terms["l2_color"].fn(views).backward(retain_graph=True)
    assert all(p.grad is None for p in recipe.networks["edge_net"].parameters())
    recipe.zero_grad(set_to_none=True)
    terms[term].fn(views).backward()
    for network in recipe.networks.values():
        assert all(p.grad.any() for p in network.parameters() if p.ndim > 1)


# --- translation ---------------------------------------------------------------------------------------------------


def test_difference_translates_without_edgenet(batch, tmp_path: Path) -> None:
    recipe = build(edge_mode="difference").eval()
    assert recipe.translates_with == ("color_net",)
    assert not any("edge_net" in name for name in recipe.weight_names())
    recipe.networks["edge_net"].register_forward_pre_hook(lambda *_: pytest.fail("EdgeNet ran"))
    source = batch(1, 32)["source"]
    output = recipe.compose(source, recipe.predict(source, {}))
    assert torch.equal(output, (recipe.networks["color_net"](2 * source - 1) + 1) / 2)
    kept = {name: value for name, value in recipe.state_dict().items() if name in recipe.weight_names()}
    save_weights(tmp_path / "weights.safetensors", kept, describe("s-shape", recipe))
    loaded, _ = load_recipe(tmp_path / "weights.safetensors")
    torch.testing.assert_close(loaded.compose(source, loaded.predict(source, {})), output)


@pytest.mark.parametrize("mode", ["refine", "residual"])
def test_a_drawing_edgenet_draws_what_is_translated(mode: str, batch) -> None:
    recipe, source = build(edge_mode=mode).eval(), batch(1, 32)["source"]
    assert {name.split(".")[1] for name in recipe.weight_names()} == {"color_net", "edge_net"}
    color = recipe.networks["color_net"](2 * source - 1)
    assert torch.equal(recipe.predict(source, {}), recipe.networks["edge_net"](color))
    assert torch.equal(recipe.predict(source, {}), color) == (mode == "residual")  # whose start is ColorNet's picture


@pytest.mark.parametrize(("value_range", "raw", "rgb"), [("signed", -0.5, 0.25), ("unit", 0.25, 0.25)])
def test_ranges_are_undone(value_range: str, raw: float, rgb: float) -> None:
    recipe = build(value_range=value_range)
    composed = recipe.compose(torch.zeros(1, 1, 2, 2), torch.tensor([raw, -1.5, 1.5]).view(1, 3, 1, 1))
    assert composed.flatten().tolist() == [rgb, 0, 1]


@pytest.mark.parametrize("mode", ["refine", "difference"])
def test_halo_is_enough_and_two_strides_less_are_not(mode: str) -> None:
    recipe = build(edge_mode=mode, width=2).eval().double()
    for module in recipe.modules():  # positive means: nothing cancels, no ReLU closes
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    side = 2 * recipe.halo + 3 * recipe.stride
    middle = slice(recipe.halo + recipe.stride, recipe.halo + 2 * recipe.stride)
    source = torch.rand(1, 1, 32, side, dtype=torch.float64)
    with torch.no_grad():
        whole = recipe.predict(source, {})[..., middle]
        for margin, same in ((recipe.halo, True), (recipe.halo - 2 * recipe.stride, False)):
            beyond = source.clone()
            beyond[..., : middle.start - margin] += 1e6  # little of it arrives
            beyond[..., middle.stop + margin :] += 1e6
            assert torch.equal(recipe.predict(beyond, {})[..., middle], whole) == same


def test_aligned_corners_need_the_whole_picture() -> None:
    assert build(align_corners=True).whole_picture
    assert not build().whole_picture


@pytest.mark.parametrize("mode", ["refine", "residual", "difference"])
@pytest.mark.parametrize("size", [(16, 16), (5, 50)])
def test_any_size_is_translated(mode: str, size: tuple[int, int]) -> None:
    colour = translate_source(build(edge_mode=mode).eval(), torch.rand(1, *size))
    assert colour.shape == (3, *size)
    assert 0 <= colour.min() <= colour.max() <= 1


# --- edges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["red", "lightness"])
def test_a_flat_picture_has_no_edges(of: str) -> None:
    flat = torch.tensor([0.9, 0.3, 0.7]).view(1, 3, 1, 1).expand(2, 3, 6, 7)
    assert edges(flat, of).shape == (2, 1, 6, 7)
    assert edges(flat, of).abs().max() < 1e-5


def test_a_bright_pixel_by_hand() -> None:
    picture = torch.zeros(1, 3, 5, 5)
    picture[0, :, 2, 2] = 0.1
    expected = torch.zeros(5, 5)
    expected[2, 2] = 0.8  # 8 · 0.1; its neighbours get -0.1, clipped
    torch.testing.assert_close(edges(picture)[0, 0], expected)
    torch.testing.assert_close(edges(1 - picture)[0, 0, 1, 1:4], torch.tensor([0.1, 0.1, 0.1]))


def test_edges_are_pillows_inside() -> None:
    from PIL import Image, ImageFilter

    pixels = np.random.default_rng(0).integers(90, 150, (16, 20, 3), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(pixels).filter(ImageFilter.FIND_EDGES))[..., 0] / 255
    ours = edges(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)[0, 0]
    np.testing.assert_allclose(ours[1:-1, 1:-1], theirs[1:-1, 1:-1], atol=1e-5)


def test_lightness_sees_edges_that_red_does_not() -> None:
    picture = torch.full((1, 3, 6, 6), 0.5)
    picture[:, 1, :, 3:] = 0.9
    assert edges(picture).max() < 1e-5
    assert edges(picture, "lightness").max() > 0.3


# --- use -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", [16, 40, 100])
def test_crops_that_do_not_fit_are_refused(crop: int) -> None:
    with pytest.raises(NirganError, match="multiple of 16, at least 32"):
        build(crop)


@pytest.mark.parametrize("options", [{"edge_depth": 3}, {"edge_mode": "sharpen"}, {"lambda_edge": -1.0}])
def test_options_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(NirganError, match=next(iter(options))):
        build(**options)


def test_rate_is_halved_four_times_in_the_second_half() -> None:
    schedule = build().stages[0].phases[0].optimiser.schedule
    factors = [rate_factor(schedule, progress, 0) for progress in (0, 0.5, 0.55, 0.65, 0.75, 0.85, 0.95, 1)]
    assert factors == [1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16]


def test_gray_is_coloured_in_all_three_channels(batch, at) -> None:
    recipe = create_model("s-shape", task="gray2rgb", crop=32, width=4)
    assert recipe(batch(2, 32), at)["output"].shape == (2, 3, 32, 32)


@pytest.mark.parametrize("mode", ["refine", "residual", "difference"])
def test_a_run_with_one_phase_is_validated_and_watched(mode: str, tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", 8, size=(40, 48))
    settings = {
        "model": "s-shape",
        "preset": "tiny",
        "data": [str(tmp_path / "data")],
        "steps": 4,
        "options": {"width": 4, "edge_mode": mode},
        "validation": {"every_steps": 2, "images": 2},
        "logging": {"every_steps": 2, "samples_every_steps": 2, "samples": 1},
    }
    train(resolve_config(settings), out=tmp_path / "run", resume=False)
    with (tmp_path / "run" / "metrics.csv").open(encoding="utf-8") as file:
        text = "\n".join(",".join(row) for row in csv.reader(file))
    assert "loss/generator/l2_color" in text
    assert f"loss/generator/{'edges' if mode == 'difference' else 'l2_refined'}" in text
    assert "val/ssim" in text
    assert "gan/" not in text


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["refine", "residual", "difference"])
def test_four_pairs_are_learned_by_heart(mode: str, batch, at) -> None:
    recipe, pairs = build(64, width=16, edge_mode=mode).to(memory_format=torch.channels_last), batch(4, 64)
    steps = 400
    optimiser = torch.optim.Adam(recipe.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        total(recipe, views_of(recipe, pairs, at), at).backward()
        optimiser.step()
        schedule.step()
    recipe.eval()
    with torch.no_grad():
        output = recipe.compose(pairs["source"], recipe.predict(pairs["source"], {}))
    assert F.mse_loss(output, pairs["target"]) < 1e-3
