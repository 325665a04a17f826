"""A generator and a recipe for nirgan from another package: dilated convolutions and an L1 loss."""

from torch import nn

from nirgan.losses.l1 import l1
from nirgan.models.options import Size
from nirgan.models.recipe import Phase, Recipe, Stage, Term


class Dilated(nn.Sequential):
    """3×3 convolutions (B, in_channels, H, W) whose dilation doubles, to (B, out_channels, H, W) in [-1, 1]."""

    def __init__(self, in_channels: int, out_channels: int, *, width: int = 32, depth: int = 6) -> None:
        layers: list[nn.Module] = []
        for d in (2**level for level in range(depth)):
            layers += [nn.Conv2d(in_channels if d == 1 else width, width, 3, padding=d, dilation=d), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(width, out_channels, 1), nn.Tanh())
        self.radius = 2**depth - 1


class DilatedL1(Recipe):
    """Dilated convolutions, a wide view at full resolution, that are pulled to the target by L1."""

    paper = "dilations as in arXiv 1511.07122"
    presets = {  # noqa: RUF012  # plain, as in nirgan/models/README.md
        "paper": {"batch_size": 4, "crop": 128, "epochs": 100.0},
        "small": {"batch_size": 4, "crop": 128, "minutes": 25.0, "options": {"width": 16}},
        "tiny": {"batch_size": 2, "crop": 32, "steps": 20, "options": {"width": 8, "depth": 3}},
    }

    def __init__(self, *, task, source_channels, crop, width: Size = 32, depth: Size = 6):
        super().__init__()
        self.networks = nn.ModuleDict({"generator": Dilated(source_channels, 3, width=width, depth=depth)})
        self.stages = (Stage("train", (Phase("generator", ("generator",)),)),)
        self.halo = self.networks["generator"].radius

    def forward(self, batch, at):
        """Translate; target and output in the network's own range."""
        output = self.predict(batch["source"], {})
        return {"target": 2 * batch["target"] - 1, "output": output, "compared": output}

    def terms(self, phase, at):
        """The distance to the target."""
        return [Term("l1", 1.0, lambda views: l1(views["compared"], views["target"]))]

    def predict(self, source, conditions):
        """RGB in [-1, 1]."""
        return self.networks["generator"](2 * source - 1)

    def compose(self, source, raw):
        """RGB in [0, 1]."""
        return ((raw + 1) / 2).clamp(0, 1)
