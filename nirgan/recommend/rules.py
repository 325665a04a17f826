"""The rules of ``nirgan recommend``, to be read: which recipe for which data, and what changes its settings.

``ROUTES`` that fit are the answer, the first one recommended and the others beside it. ``RULES`` that fit are added to
each. Figures in the words are measured; README.md and the cards of the models say on what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nirgan.config.schema import HOUSE
from nirgan.data.sample import Task
from nirgan.recommend.situation import PAIRS, Pairs, Situation

SCARCE, FEW, MANY = 50, 1000, 2000
"""Pictures: too few for more than their own scenes; so few that they are soon known by heart; more than 25 minutes of
two CPU cores show a GAN five times (they show `pix2pix` about 10,000 crops, `nirgan-base` five times as many)."""

REGISTRATION = {"options.registration": True}


@dataclass(frozen=True)
class Route:
    """A recipe for a kind of data.

    Attributes:
        task: The task.
        pairs: The kinds of data.
        model: Name of the recipe.
        why: When and why, without the last full stop.
        settings: Of the run, by dotted keys.
        aligned: Whether pairs are aligned first, which makes them registered.
    """

    task: Task
    pairs: tuple[Pairs, ...]
    model: str
    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    aligned: bool = False

    def fits(self, situation: Situation) -> bool:
        """Whether it is for what somebody has."""
        return self.task == situation.task and situation.pairs in self.pairs

    def has_truth(self, situation: Situation) -> bool:
        """Whether its training pictures have a truth, pixel by pixel, that validation can score."""
        return self.task == "gray2rgb" or self.aligned or situation.pairs == "registered"


ROUTES = (
    Route(
        "nir2rgb",
        ("registered",),
        HOUSE,
        "registered pairs say which colour belongs where, and this recipe was found by experiment on such pairs: its "
        "card says what each part brought",
    ),
    Route(
        "nir2rgb",
        ("registered",),
        HOUSE,
        "if pairs turn out to be off by some pixels (parallax, leaves in the wind): it finds how each output lies on "
        "its target before it compares them",
        REGISTRATION,
    ),
    Route(
        "nir2rgb",
        ("registered",),
        "pix2pix",
        "if outputs are too dull: a discriminator asks for colour, at the price of inventing it",
    ),
    Route(
        "nir2rgb",
        ("unregistered",),
        HOUSE,
        "pairs that are aligned once, before training, are registered pairs; alignments that are not certain are left "
        "out, by name",
        aligned=True,
    ),
    Route(
        "nir2rgb",
        ("unregistered",),
        HOUSE,
        "if too few pairs can be aligned, and they are off by 24 pixels at most: it finds the shift of each pair while "
        "it trains",
        REGISTRATION,
    ),
    Route(
        "nir2rgb",
        ("unregistered", "none"),
        "asym-cyclegan",
        "it needs no partners. It gives the source's structure in plausible, rather pale colours that nothing ties to "
        "materials: hues may swap between them (trees and walls), a tint may drift; compare several --seed",
    ),
    Route(
        "nir2rgb",
        ("none",),
        "cyclegan",
        "the baseline beside it: equal networks both ways, the same cautions",
    ),
    Route(
        "gray2rgb",
        PAIRS,
        HOUSE,
        "one recipe for NIR and photographs, found by experiment: its card says what each part brought. A photograph's "
        "lightness stays as it is",
    ),
    Route(
        "gray2rgb",
        PAIRS,
        "colorful",
        "if colours are too dull: it chooses among 313 classes of colour, rare ones weighed up; `--temperature` of "
        "translate says how vivid",
    ),
    Route(
        "gray2rgb",
        PAIRS,
        "siggraph17",
        "if you know some colours: it takes points with colours, `--hints`; without them it is calm",
    ),
    Route(
        "gray2rgb",
        PAIRS,
        "iizuka",
        "if the photographs lie in a folder for each kind of scene: it learns to name the scene, too",
    ),
    Route(
        "gray2rgb",
        PAIRS,
        "koalarization",
        "if they are few and the weights of its classifier are at hand: what they show it knows from ImageNet",
    ),
)

Fits = Callable[[Situation, Route], bool]


@dataclass(frozen=True)
class Rule:
    """What changes a run's settings, or has to be known.

    Attributes:
        fits: When.
        why: Without the last full stop.
        settings: By dotted keys; none for what only has to be known.
        yields: Whether what the preset itself says of these keys counts more.
    """

    fits: Fits
    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    yields: bool = False


RULES = (
    Rule(
        lambda s, r: s.machine == "cpu",
        "preset small: narrow networks that are of use after 25 minutes on two CPU cores",
        {"preset": "small"},
    ),
    Rule(
        lambda s, r: s.machine == "gpu" and r.model == HOUSE,
        "preset paper: the full setting, for a GPU",
        {"preset": "paper"},
    ),
    Rule(
        lambda s, r: s.machine == "gpu" and r.model != HOUSE,
        "preset paper: a GPU trains the networks as published; averaged weights are steadier than the last, and two "
        "hours tell whether it goes well (leave --minutes out for the paper's own length)",
        {"preset": "paper", "ema.decay": 0.999, "minutes": 120.0},
    ),
    Rule(
        lambda s, r: s.machine == "cpu" and s.count > MANY,
        "two hours: in 25 minutes two CPU cores show a GAN about 10,000 crops, few of each picture",
        {"minutes": 120.0},
    ),
    Rule(
        lambda s, r: s.count < FEW,
        "few pictures are soon known by heart: crops of several scales, beside the mirror images that are the default",
        {"dataset.augment.scale": 0.3},
        yields=True,
    ),
    Rule(
        lambda s, r: s.count < FEW and s.task == "nir2rgb",
        "and the source in other exposures, which a camera chooses and a scene does not",
        {"dataset.augment.brightness": 0.2, "dataset.augment.gamma": 0.2},
        yields=True,
    ),
    Rule(
        lambda s, r: s.machine == "cpu" and s.count < FEW and r.has_truth(s),
        "stop when validation has not become better for 2,000 steps (pix2pix on 270 pairs was best after 500 of "
        "2,900); the best weights are kept apart",
        {"validation.every_steps": 200, "validation.patience": 10},
    ),
    Rule(
        lambda s, r: s.machine == "gpu" and s.count < FEW and r.has_truth(s),
        "stop when validation has not become better for 10,000 steps; the best weights are kept apart",
        {"validation.every_steps": 1000, "validation.patience": 10},
    ),
    Rule(
        lambda s, r: s.count < SCARCE,
        f"fewer than {SCARCE} pictures teach the colours of their own scenes: look for more (`nirgan data list`), or "
        "begin from weights that know others (`--init-from`)",
    ),
    Rule(
        lambda s, r: s.task == "nir2rgb" and r.has_truth(s),
        "NIR does not hold a picture's exposure: beside PSNR look at psnr_gain, ae and delta_e",
    ),
    Rule(
        lambda s, r: s.task == "nir2rgb" and not r.has_truth(s),
        "without a truth for each pixel nothing can be scored: look at the pictures, in `tensorboard --logdir runs`",
    ),
    Rule(
        lambda s, r: s.task == "gray2rgb",
        "the grey source is made from each colour picture, so pairs do not matter",
    ),
)
