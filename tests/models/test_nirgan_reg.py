"""Registration as an option of paired recipes: what is compared, who learns from it, what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nirgan.config import resolve_config
from nirgan.data.synth import render, write_scenes
from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.layers.edge_map import edge_map
from nirgan.layers.warp import warp
from nirgan.losses.l1 import l1
from nirgan.losses.structure import structure
from nirgan.metrics.ssim import ssim
from nirgan.models import create_model, recipe_class, recipe_options
from nirgan.models.nirgan_reg import Registration, with_registration
from nirgan.models.options import resolve_options
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Term
from nirgan.models.weights import load_recipe, read_info, read_weights
from nirgan.testing import synthetic_batch
from nirgan.testing.conformance import run_steps
from nirgan.training import train
from nirgan.training.runtime import Runtime
from nirgan.training.stage import Method, StageRun

TINY = {"width": 4, "dropout": "none", "registration": True, "registration_width": 4}


def build(crop: int = 32, **options: Any) -> Recipe:
    torch.manual_seed(0)
    given = {**TINY, **options}
    if not given["registration"]:
        del given["registration_width"]
    return create_model("pix2pix", crop=crop, **given)


def stir(recipe: Recipe) -> Recipe:
    """Give the registration network a field that is not zero."""
    for parameter in recipe.networks["registration"].out.parameters():
        nn.init.normal_(parameter, 0, 0.1)
    return recipe


def drawing(field: Sequence[float], largest: float = 8.0) -> Any:
    """A registration network that draws one shift everywhere."""
    return lambda pictures: torch.tensor(field).view(1, 2, 1, 1).expand(len(pictures), 2, *pictures.shape[2:]) / largest


# --- what is compared ---------------------------------------------------------------------------------------------


def test_the_first_warp_is_the_identity(batch, at) -> None:
    views = build()(batch(2, 32), at)
    assert not views["field"].any()
    assert views["field"].shape == (2, 2, 32, 32)
    assert torch.equal(views["compared"], views["output"])


def test_the_network_sees_edges_and_output_and_target(batch, at) -> None:
    recipe, seen = build(), []
    recipe.networks["registration"].register_forward_pre_hook(lambda _, pictures: seen.append(pictures[0]))
    given = batch(2, 32)
    views = recipe(given, at)
    edges = torch.cat([edge_map(given["source"]), edge_map(given["target"])], dim=1)
    assert torch.equal(seen[0], torch.cat([0.25 * edges, views["output"], given["target"]], dim=1))


def test_the_shift_of_a_pair_is_found_before_anything_is_learnt(at) -> None:
    moved = shifted_scenes(crop=96, shift=(7, -3))
    views = build(96)(moved, at)
    assert torch.equal(views["field"].mean(dim=(2, 3)), torch.tensor([[7.0, -3.0]] * 3))
    assert torch.equal(views["compared"], warp(views["output"], views["field"]))
    assert torch.equal(views["moved_source"], warp(moved["source"], views["field"]))
    assert not build(96, largest_shift=0)(moved, at)["field"].any()


def shifted_scenes(crop: int, shift: tuple[int, int]) -> dict[str, Any]:
    """Source at (x + shift_x, y + shift_y) shows what the target shows at (x, y)."""
    (dx, dy), edge = shift, 12
    scenes = [render(0, index, height=crop + 2 * edge, width=crop + 2 * edge) for index in range(3)]
    sources = torch.from_numpy(np.stack([scene.nir[None] for scene in scenes])).float()
    targets = torch.from_numpy(np.stack([scene.rgb.transpose(2, 0, 1) for scene in scenes])).float()
    inside = slice(edge, edge + crop)
    return {
        "source": sources[..., inside, inside],
        "target": targets[..., edge + dy : edge + dy + crop, edge + dx : edge + dx + crop],
        "view": "image",
    }


def test_compared_is_the_output_moved_by_the_field(batch, at) -> None:
    recipe = stir(build(largest_bend=3.0))
    views = recipe(batch(2, 32), at)
    assert 0.01 < float(views["field"].detach().abs().max()) <= 3
    assert torch.equal(views["compared"], warp(views["output"], views["field"]))
    term = {t.name: t for t in recipe.terms("generator", at)}["l1"]
    assert torch.equal(term.fn(views), l1(views["compared"], views["target"]))


def test_a_shift_is_in_pixels_of_the_output(batch, at) -> None:
    recipe = build()
    recipe.networks["registration"].forward = drawing((4.0, -2.0))
    views = recipe(batch(2, 32), at)
    # Pixel (x, y) is compared with what the output has at (x + 4, y - 2).
    assert torch.allclose(views["compared"][..., 2:, :-4], views["output"][..., :-2, 4:], atol=1e-5)
    assert float(views["field"][:, 0].mean()) == pytest.approx(4)


def test_every_compared_view_is_moved_by_the_same_field(batch, at) -> None:
    class TwoPictures(recipe_class("pix2pix")):  # type: ignore[misc]
        def forward(self, batch: Any, at: Any) -> dict[str, Any]:
            views = super().forward(batch, at)
            return {**views, "compared_draft": 0.5 * views["output"]}

    torch.manual_seed(0)
    own = {key: value for key, value in TINY.items() if key != "registration"}
    recipe = stir(with_registration(TwoPictures)(task="nir2rgb", source_channels=1, crop=32, **own))
    views = recipe(batch(2, 32), at)
    assert torch.allclose(views["compared_draft"], 0.5 * views["compared"], atol=1e-6)


# --- who learns ---------------------------------------------------------------------------------------------------


def test_smoothness_joins_the_phase_that_compares(batch, phase_values) -> None:
    recipe = build(lambda_smooth=7.0)
    recipe.networks["registration"].forward = drawing((4.0, 0.0))
    assert [phase.trains for phase in recipe.stages[0].phases] == [("discriminator",), ("generator", "registration")]
    found = phase_values(recipe, "generator", batch(2, 32))
    assert set(found) == {"adversarial", "l1", "smoothness", "structure"}
    assert found["smoothness"] == 0  # a shift of everything
    assert set(phase_values(recipe, "discriminator", batch(2, 32))) == {"adversarial"}
    recipe = stir(build(lambda_smooth=7.0))
    terms = {t.name: t for t in recipe.terms("generator", torch_at())}
    assert terms["smoothness"].weight == 7
    views = recipe(batch(2, 32), torch_at())
    dx, dy = (np.diff(views["field"].detach().numpy(), axis=axis) for axis in (3, 2))
    value = float(terms["smoothness"].fn(views).detach())
    assert value == pytest.approx(float((dx**2).mean() + (dy**2).mean()), rel=1e-5)


def test_structure_compares_the_moved_source_with_the_target(batch, at) -> None:
    recipe, given = stir(build(lambda_structure=3.0)), batch(2, 32)
    views = recipe(given, at)
    term = {t.name: t for t in recipe.terms("generator", at)}["structure"]
    assert term.weight == 3
    value = term.fn(views)
    assert torch.equal(value, structure(views["moved_source"], given["target"]))
    value.backward()
    assert all(p.grad is not None and p.grad.any() for p in recipe.networks["registration"].parameters())
    # Nothing of it reaches the generator, which could lower it by outputs that the network answers with a better field.
    assert all(p.grad is None for p in recipe.networks["generator"].parameters())


def torch_at() -> Any:
    return At(0, 0, 0, 0.0, "train", torch.Generator().manual_seed(0))


def test_l1_teaches_generator_and_registration_network(batch, at) -> None:
    recipe = stir(build())
    views = recipe(batch(2, 32), at)
    {t.name: t for t in recipe.terms("generator", at)}["l1"].fn(views).backward()
    for name in ("generator", "registration"):
        assert all(p.grad is not None and p.grad.any() for p in recipe.networks[name].parameters()), name
    assert all(p.grad is None for p in recipe.networks["discriminator"].parameters())


def test_the_discriminators_phase_reaches_neither(batch, at) -> None:
    for judged in ("output", "registered"):
        recipe = stir(build(judged=judged))
        views = recipe(batch(2, 32), at)
        own = recipe.phase_views("discriminator", views, at)
        sum(t.fn(views | own) for t in recipe.terms("discriminator", at)).backward()
        for name in ("generator", "registration"):
            assert all(p.grad is None for p in recipe.networks[name].parameters())


@pytest.mark.parametrize(("judged", "shown"), [("output", "output"), ("registered", "compared")])
def test_what_the_discriminator_sees(judged: str, shown: str, batch, at) -> None:
    recipe, seen = stir(build(judged=judged)), []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, pair: seen.append(pair[0]))
    views = recipe(batch(2, 32), at)
    recipe.phase_views("generator", views, at)
    recipe.phase_views("discriminator", views, at)
    assert torch.equal(seen[0], torch.cat([views["source"], views[shown]], 1))
    assert torch.equal(seen[2], seen[0])
    assert torch.equal(seen[1], torch.cat([views["source"], views["target"]], 1))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("asym-cyclegan", {"lambda_paired_l1": 10.0}),
        ("s-shape", {}),
        ("s-shape", {"edge_mode": "difference"}),
        ("sc-gan", {}),
    ],
)
def test_every_paired_recipe_trains_with_it(model: str, options: dict[str, Any]) -> None:
    given = {"registration": True, "registration_width": 4, **options}
    config = resolve_config({"model": model, "preset": "tiny", "options": given})
    torch.manual_seed(0)
    recipe = stir(create_model(model, crop=config.crop, **config.options))
    phases = {phase.name: phase.trains for phase in recipe.stages[0].phases}
    assert [name for name, trains in phases.items() if "registration" in trains] == ["generator"]
    optimiser = {phase.name: phase.optimiser for phase in recipe.stages[0].phases}
    recorded = run_steps(recipe, synthetic_batch(2, config.crop), 1, lambda phase: optimiser[phase.name])
    assert "generator/smoothness" in recorded.losses[0]
    expected = {f"registration.{name}" for name, _ in recipe.networks["registration"].named_parameters()}
    assert expected <= recorded.gradients["generator"]


def test_s_shape_compares_both_pictures_where_the_target_is(batch, at) -> None:
    torch.manual_seed(0)
    recipe = stir(create_model("s-shape", crop=32, width=4, registration=True, registration_width=4))
    views = recipe(batch(2, 32), at)
    terms = {t.name: t for t in recipe.terms("generator", at)}
    unmoved = {**views, "field": torch.zeros_like(views["field"]), "compared": views["output"]}
    assert terms["l2_refined"].fn(views) != terms["l2_refined"].fn(unmoved)
    color = recipe.networks["color_net"](
        views["source"]
    )  # batch norm in training mode: the same batch, the same answer
    assert torch.allclose(views["compared_color"], warp(color, views["field"]), atol=1e-5)


# --- options ------------------------------------------------------------------------------------------------------


def test_the_switch_is_an_option_of_every_recipe_for_pairs() -> None:
    plain = recipe_options(recipe_class("pix2pix"))
    assert plain["registration"].default is False
    assert "lambda_smooth" not in plain
    registered = recipe_class("pix2pix", {"registration": True})
    assert registered is recipe_class("pix2pix", {"registration": True})
    assert issubclass(registered, recipe_class("pix2pix"))
    assert set(recipe_options(registered)) == {
        *plain,
        "lambda_smooth",
        "lambda_structure",
        "registration_width",
        "largest_shift",
        "largest_bend",
        "judged",
    }


def test_options_are_resolved_and_checked() -> None:
    options = resolve_config({"model": "pix2pix", "options": {"registration": True, "width": 8}}).options
    assert options["registration"] is True
    assert options["lambda_smooth"] == 100
    assert options["lambda_l1"] == 100
    assert resolve_config({"model": "pix2pix"}).options["registration"] is False
    for wrong, words in (
        ({"registration": "yes"}, "option 'registration' is 'yes', but should be a valid boolean"),
        ({"lambda_smooth": 5.0}, "no option 'lambda_smooth'"),
        ({"registration": True, "lambda_smooth": -1.0}, "'lambda_smooth' is -1"),
        ({"registration": True, "largest_shift": -1}, "'largest_shift' is -1"),
        ({"registration": True, "largest_bend": 0.0}, "'largest_bend' is 0"),
        ({"registration": True, "judged": "both"}, "'judged' is 'both', but should be 'registered' or 'output'"),
        ({"registration": True, "lambda_l1": -1.0}, "'lambda_l1' is -1"),
    ):
        with pytest.raises(NirganError, match=words):
            resolve_config({"model": "pix2pix", "options": wrong})


def test_models_show_names_the_options(nirgan) -> None:
    shown = json.loads(nirgan("models", "show", "pix2pix", "--json").out)
    assert shown["options"]["registration"] is False
    assert shown["registration"]["lambda_smooth"] == 100
    assert "lambda_smooth            100.0 (with registration=true)" in nirgan("models", "show", "pix2pix").out


class Unpaired(Recipe):
    """Never takes pairs."""

    pairings = ("unpaired",)


class NeverCompares(Recipe):
    """Takes pairs, and has a term that looks at something else."""

    def __init__(self, *, task: str, source_channels: int, crop: int) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({"generator": nn.Conv2d(1, 3, 1)})
        self.stages = (Stage("train", (Phase("generator", ("generator",)),)),)

    def forward(self, batch: Any, at: Any) -> dict[str, Any]:
        return {"output": self.networks["generator"](batch["source"])}

    def terms(self, phase: str, at: Any) -> Sequence[Term]:
        return [Term("l1", 1.0, lambda v: l1(v["output"], v["target"])), Term("zero", 0.0, lambda v: v["compared"])]

    def predict(self, source: Tensor, conditions: Any) -> Tensor:
        return self.networks["generator"](source)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


def test_recipes_that_compare_no_pairs_are_refused() -> None:
    with pytest.raises(NirganError, match="Unpaired takes no pairs of NIR and colour"):
        with_registration(Unpaired)
    with pytest.raises(NirganError, match="has no option 'registration'"):
        resolve_options("unpaired", Unpaired, {"registration": True})
    with pytest.raises(NirganError, match="no term compares the output"):
        with_registration(NeverCompares)(task="nir2rgb", source_channels=1, crop=32)
    with pytest.raises(NirganError, match="no term compares the output"):
        build(lambda_l1=0.0)
    with pytest.raises(NirganError, match="no term compares the output"):
        create_model("asym-cyclegan", crop=32, width=4, n_res=0, registration=True)
    paired = create_model("asym-cyclegan", crop=32, width=4, n_res=0, registration=True, lambda_paired_l1=1.0)
    assert "registration" in paired.stages[0].phases[0].trains


def test_grey_sources_are_refused() -> None:
    with pytest.raises(NirganError, match="gray2rgb computes the source from the target"):
        build(task="gray2rgb")


@pytest.mark.parametrize("crop", [36, 100])
def test_crops_that_cannot_be_halved_are_refused(crop: int) -> None:
    with pytest.raises(NirganError, match=f"registration cannot train at crop {crop}: give a multiple of 8"):
        build(crop, levels=2)


def test_unregistered_pairs_are_taken_besides_what_the_recipe_takes() -> None:
    assert recipe_class("pix2pix").pairings == ("registered",)
    assert build().pairings == ("registered", "unregistered")


def test_size_of_the_network() -> None:
    with torch.device("meta"):
        recipe = create_model("pix2pix", registration=True)
    assert isinstance(recipe, Registration)
    parameters = sum(p.numel() for p in recipe.networks["registration"].parameters())
    channels = [8, 16, 32, 64, 64, 64]
    down = sum(16 * a * b + b for a, b in pairwise(channels))
    up = sum(9 * a * b + b for a, b in ((64, 64), (128, 64), (128, 32), (64, 16), (32, 2)))
    assert parameters == down + up == 331_746


# --- a run --------------------------------------------------------------------------------------------------------


def test_a_run_on_unregistered_pairs_translates_without_the_network(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 6, size=(40, 48), shift_px=3)
    given = {
        "model": "pix2pix",
        "preset": "tiny",
        "data": [str(tmp_path / "scenes")],
        "pairing": "unregistered",
        "steps": 2,
        "options": {"registration": True, "registration_width": 4},
        "device": "cpu",
    }
    with pytest.raises(NirganError, match="--set options.registration=true"):
        train(resolve_config({**given, "options": {}}), out=tmp_path / "refused")
    result = train(resolve_config(given), out=tmp_path / "run")
    path = result.run / "checkpoints" / "last" / "weights.safetensors"
    info, tensors = read_info(path), read_weights(path)[1]
    assert info.options["registration"] is True
    assert info.options["registration_width"] == 4
    assert all(name.startswith("networks.generator.") for name in tensors)
    recipe, _ = load_recipe(path)
    assert translate_source(recipe, torch.rand(1, 33, 50)).shape == (3, 33, 50)


# --- what it is for -----------------------------------------------------------------------------------------------

SHIFT, SIDE, MARGIN = 4, 64, 12
REGGAN = {"largest_shift": 0, "largest_bend": 16.0, "lambda_structure": 0.0, "lambda_smooth": 10.0}
"""The network alone, taught by the paired terms."""


def shifted_crops(pictures: Tensor, random: torch.Generator) -> tuple[dict[str, Any], Tensor]:
    """The same colours on both sides, the source's of less contrast and off by so many pixels in any direction."""
    sources, targets, shifts = [], [], []
    for picture in pictures:
        angle = 2 * math.pi * float(torch.rand((), generator=random))
        dx, dy = round(SHIFT * math.cos(angle)), round(SHIFT * math.sin(angle))
        targets.append(picture[:, MARGIN:-MARGIN, MARGIN:-MARGIN])
        sources.append(picture[:, MARGIN - dy : MARGIN - dy + SIDE, MARGIN - dx : MARGIN - dx + SIDE])
        shifts.append((dx, dy))
    pair = {"source": 0.7 * torch.stack(sources) + 0.2, "target": torch.stack(targets), "view": "image"}
    return pair, torch.tensor(shifts).float()


@pytest.mark.slow
def test_the_recipes_own_terms_teach_the_shift_where_outputs_have_the_right_colours(at) -> None:
    """The registration half alone: the generator is one that hands its source, in colour, through."""
    side = SIDE + 2 * MARGIN
    rendered = [render(0, index, height=side, width=side).rgb.transpose(2, 0, 1) for index in range(48)]
    pictures, random = torch.from_numpy(np.stack(rendered)), torch.Generator().manual_seed(1)
    recipe = build(SIDE, levels=4, source_channels=3, registration_width=8, **REGGAN)
    recipe.networks["generator"].forward = lambda source: source
    terms = [term for term in recipe.terms("generator", at) if term.name in ("l1", "smoothness")]
    optimiser = torch.optim.Adam(recipe.networks["registration"].parameters(), lr=1e-3, betas=(0.5, 0.999))
    for _ in range(600):
        chosen = pictures[torch.randint(0, 40, (4,), generator=random)]
        views = recipe(shifted_crops(chosen, random)[0], at)
        optimiser.zero_grad()
        torch.stack([term.weight * term.fn(views) for term in terms]).sum().backward()
        optimiser.step()
    unseen, shifts = shifted_crops(pictures[40:].repeat(4, 1, 1, 1), random)
    with torch.no_grad():
        found = recipe(unseen, at)["field"][..., 4:-4, 4:-4].mean(dim=(2, 3))
    assert (found - shifts).norm(dim=1).mean() < 0.75 * SHIFT  # a field of zeros is off by the shift


@pytest.mark.slow
def test_on_pairs_that_are_off_it_colours_better_than_the_recipe_alone(at) -> None:
    """Trained on pairs off by 16 pixels, each its own way, scored on aligned ones."""
    side, edge, off = 96, 48, 16.0
    rendered = [render(0, index, height=side + 2 * edge, width=side + 2 * edge) for index in range(80)]
    nir = torch.from_numpy(np.stack([scene.nir[None] for scene in rendered])).float()
    rgb = torch.from_numpy(np.stack([scene.rgb.transpose(2, 0, 1) for scene in rendered])).float()
    angles = 2 * math.pi * torch.rand(len(rendered), generator=torch.Generator().manual_seed(0))
    shifts = torch.stack([off * angles.cos(), off * angles.sin()], dim=1).round().int().tolist()

    def scored(**options: Any) -> float:
        random = torch.Generator().manual_seed(1)
        recipe = build(side, width=12, head="affine", upsample="resize", levels=4, **options)
        runtime = Runtime(device="cpu")
        method = Method(optimiser=with_rate, batch_size=4, ema_decay=0.0)
        stage = StageRun(recipe, 0, method, runtime)
        for _ in range(250):
            chosen = torch.randint(0, 64, (4,), generator=random).tolist()
            y, x = torch.randint(edge // 2, edge + edge // 2, (2,), generator=random).tolist()
            given = {
                "source": torch.stack([nir[i, :, y : y + side, x : x + side] for i in chosen]),
                "target": torch.stack([moved(rgb[i], x, y, shifts[i], side) for i in chosen]),
                "view": "image",
            }
            stage.run_step([runtime.place(given)], at)
        recipe.eval()
        with torch.no_grad():
            inside = slice(edge, edge + side)
            outputs = [translate_source(recipe, source[:, inside, inside]) for source in nir[64:]]
            return float(ssim(torch.stack(outputs), rgb[64:, :, inside, inside]).mean())

    assert scored(registration_width=12) > scored(registration=False) + 0.05


def moved(picture: Tensor, x: int, y: int, shift: Sequence[int], side: int) -> Tensor:
    dx, dy = shift
    return picture[:, y + dy : y + dy + side, x + dx : x + dx + side]


def with_rate(phase: Phase) -> Optimiser:
    return replace(phase.optimiser, lr=1e-3, schedule=Schedule())
