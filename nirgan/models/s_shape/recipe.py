"""S-shape network (Dong, Kamata, Breckon; ICIP 2018): networks, losses and update order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.generators.colornet import PAPER, ColorNet
from nirgan.generators.edgenet import Depth, EdgeNet
from nirgan.layers.reach import radius, round_up
from nirgan.losses.l2 import l2
from nirgan.models.options import Size, Weight
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Task, Term, Views
from nirgan.models.s_shape.edges import EdgesOf, edges
from nirgan.registry import MODELS

EdgeMode = Literal["refine", "residual", "difference"]
ValueRange = Literal["signed", "unit"]
STRIDE = ColorNet.stride
SMALLEST = 32
"""Crop below which batch norm at the bottom sees one cell a picture."""


@MODELS.register("s-shape", paper=PAPER)
class SShape(Recipe):
    """ColorNet colours, EdgeNet assists it; both learn from squared errors, in one phase, without a discriminator.

    Args:
        task: ``nir2rgb``, or ``gray2rgb``; all three channels are predicted in both.
        source_channels: Of the source.
        crop: Side of the training crop; a multiple of 16, at least 32.
        edge_mode: What EdgeNet does. ``refine``: draws the picture anew from ColorNet's; ``residual`` (ours): draws
            what is added to it; ``difference``: draws the truth's edges from how far ColorNet is off, in training only.
        edge_depth: EdgeNet's halvings; None is 1 for ``difference`` (public code), else 2 (an account of the paper).
        lambda_edge: Weight of EdgeNet's term; with 0 there is no EdgeNet.
        edges_of: Of ``difference``: edges of the truth's red channel (notebook) or of its lightness.
        value_range: Range in which the networks see pictures: ``signed`` is [-1, 1], ``unit`` [0, 1] (notebook), which
            leaves half of tanh's range unused.
        align_corners: How ColorNet enlarges features. True (public code) lets the answer depend on the picture's size.
        width: Channels of both networks' first layers.
    """

    paper = PAPER
    tasks = ("nir2rgb", "gray2rgb")
    pairings: tuple[str, ...] = ("registered",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"batch_size": 8, "crop": 224, "epochs": 200.0, "ema": {"decay": 0.0}},
        "small": {
            "batch_size": 4,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "optimiser": {"lr": 1e-3},
            "options": {"width": 32, "edge_mode": "residual"},
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"width": 8},
        },
    }
    stride = STRIDE

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        edge_mode: EdgeMode = "refine",
        edge_depth: Depth | None = None,
        lambda_edge: Weight = 1.0,
        edges_of: EdgesOf = "red",
        value_range: ValueRange = "signed",
        align_corners: bool = False,
        width: Size = 64,
    ) -> None:
        super().__init__()
        self._compares_edges = bool(lambda_edge) and edge_mode == "difference"
        self._refines = bool(lambda_edge) and edge_mode != "difference"
        color_net = ColorNet(source_channels, 3, width=width, align_corners=align_corners)
        self.networks = nn.ModuleDict({"color_net": color_net})
        reaching = color_net.deepest
        if lambda_edge:
            depth: Depth = edge_depth or (1 if self._compares_edges else 2)
            channels, residual = 1 if self._compares_edges else 3, edge_mode == "residual"
            edge_net = EdgeNet(3, channels, depth=depth, width=width, residual=residual)
            self.networks["edge_net"] = edge_net
        if self._refines:
            reaching.append(edge_net.body)
        self._lambda_edge, self._edges_of, self._signed = lambda_edge, edges_of, value_range == "signed"
        self.translates_with = ("color_net", "edge_net") if self._refines else ("color_net",)
        self.stages = (Stage("train", (Phase("generator", tuple(self.networks), optimiser=_optimiser()),)),)
        self.halo = round_up(radius(reaching, STRIDE), STRIDE)
        self.whole_picture = align_corners

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops are multiples of 16 from 32 up."""
        if crop % STRIDE or crop < SMALLEST:
            raise NirganError(f"s-shape cannot train at crop {crop}: give a multiple of {STRIDE}, at least {SMALLEST}")

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Colour and, where EdgeNet is part of it, refine; source, target and outputs in the networks' range."""
        source, target = self._to_range(batch["source"]), self._to_range(batch["target"])
        color, output = self._translate(source)
        views: Views = {
            "source": source,
            "target": target,
            "output": output,
            "compared": output,
            "compared_color": color,
        }
        if self._compares_edges:
            views["target_edges"] = edges(batch["target"], self._edges_of)
        return views

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """The edges that EdgeNet sees in ColorNet's mistakes; gradient goes on to ColorNet, end to end."""
        if not self._compares_edges:
            return {}
        mistakes = views["compared"] - views["target"]
        # Halved where the range is twice as wide: mistakes of one size look the same to EdgeNet.
        return {"edges": self.networks["edge_net"](mistakes / 2 if self._signed else mistakes)}

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """‖C(x) − y‖² + λ·‖E(C(x)) − y‖², or with ``difference`` + λ·‖E(C(x) − y) − edges(y)‖²; all are means."""
        color = "compared_color" if self._refines else "compared"
        terms = [Term("l2_color", 1.0, lambda v: l2(v[color], v["target"]))]
        if self._refines:
            terms.append(Term("l2_refined", self._lambda_edge, lambda v: l2(v["compared"], v["target"])))
        if self._compares_edges:
            terms.append(Term("edges", self._lambda_edge, lambda v: l2(v["edges"], v["target_edges"])))
        return terms

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB in the networks' range at the source's size."""
        return self._translate(self._to_range(source))[1]

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """RGB in [0, 1]."""
        return ((raw + 1) / 2 if self._signed else raw).clamp(0, 1)

    def _translate(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """ColorNet's picture and the final one."""
        color = self.networks["color_net"](source)
        return color, self.networks["edge_net"](color) if self._refines else color

    def _to_range(self, picture: Tensor) -> Tensor:
        return 2 * picture - 1 if self._signed else picture


def _optimiser() -> Optimiser:
    # Adam as in the notebook, torch's own betas. Half of the run at one rate, then halved four times: the notebook
    # never lowers it, and a decay that waits for a plateau would depend on how often a run is validated.
    return Optimiser(lr=1e-4, betas=(0.9, 0.999), schedule=Schedule("steps", hold=0.5, factor=0.5, parts=5))
