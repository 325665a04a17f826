"""The network of nirgan-base: counts, reach, what its heads draw, what it does not look at."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nirgan.errors import NirganError
from nirgan.generators.context_net import ContextNet, enlarged
from nirgan.layers.channel_norm import ChannelNorm
from nirgan.layers.gated_block import GatedBlock
from nirgan.layers.reach import reach
from nirgan.registry import GENERATORS

SMALL = {"widths": (6, 8, 10), "blocks": (1, 1), "dilations": (1,)}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def lively(network: ContextNet) -> ContextNet:
    """With a tail and branches that draw as much as all else, so that differences show."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, module.weight[0].numel() ** -0.5)
    return network.eval().requires_grad_(False)


def test_counts_are_those_of_the_card() -> None:
    small = {"widths": (24, 48, 96, 160, 160), "blocks": (1, 1, 1, 1), "dilations": (1, 1, 1)}
    with torch.device("meta"):
        found = [count(ContextNet(1, 3)), count(ContextNet(1, 2)), count(ContextNet(1, 3, **small))]
    assert found == [3_453_592, 3_451_280, 1_880_136]  # worked by hand, layer by layer
    assert 2 * max(found) < 8e6  # bytes in half precision


def test_the_registry_builds_it() -> None:
    assert isinstance(GENERATORS.build("context-net", 1, 3, **SMALL), ContextNet)


@pytest.mark.parametrize(
    ("head", "shape"), [("curves", (2, 12, 8, 12)), ("affine", (2, 9, 8, 12)), ("direct", (2, 3, 16, 24))]
)
@pytest.mark.parametrize("block", ["dense", "gated"])
def test_shapes(head: str, shape: tuple[int, ...], block: str) -> None:
    network = ContextNet(2, 3, **SMALL, head=head, block=block, knots=4, padding="replicate")
    source = torch.rand(2, 2, 16, 24)
    drawn, features = network(source)
    assert drawn.shape == shape
    assert [tuple(each.shape[1:]) for each in features] == [(10, 2, 3), (8, 4, 6), (6, 8, 12)]
    assert network.apply_to(source, drawn).shape == (2, 3, 16, 24)
    assert network.stride == 8


def test_larger_cells() -> None:
    network = ContextNet(1, 3, **SMALL, cell=4)
    drawn, features = network(torch.rand(1, 1, 32, 48))
    assert (drawn.shape, features[0].shape) == ((1, 24, 8, 12), (1, 10, 2, 3))
    assert network.stride == 16


def test_what_is_drawn_may_be_coarse() -> None:
    network = ContextNet(1, 3, **SMALL, finest=1)
    drawn, features = network(torch.rand(1, 1, 16, 24))
    assert drawn.shape == (1, 24, 4, 6)
    assert [tuple(each.shape[1:]) for each in features] == [(10, 2, 3), (8, 4, 6)]
    assert count(network) < count(ContextNet(1, 3, **SMALL))
    with pytest.raises(NirganError, match="finest is 3, but there are 3 resolutions"):
        ContextNet(1, 3, **SMALL, finest=3)


def test_a_flat_picture_stays_flat_where_its_border_goes_on() -> None:
    torch.manual_seed(0)
    for padding, flat in (("replicate", True), ("zeros", False)):
        drawn, _ = lively(ContextNet(1, 3, **SMALL, padding=padding))(torch.full((1, 1, 32, 32), 0.5))
        assert (drawn.std(dim=(2, 3)).max() < 1e-5) == flat


@pytest.mark.parametrize(("widths", "blocks"), [((8,), ()), ((8, 8), ()), ((8, 8), (1, 1))])
def test_widths_and_blocks_must_fit(widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    with pytest.raises(NirganError, match="a number of blocks for each but the last"):
        ContextNet(1, 3, widths=widths, blocks=blocks)


# --- how far it sees --------------------------------------------------------------------------------------------------


def open_network(**options: object) -> ContextNet:
    """Positive throughout: nothing cancels and no ReLU closes, so that gradients show all that is seen."""
    network = ContextNet(1, 1, **{"norm": "none", **options}).double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    return network


def reached(network: ContextNet, column: int, width: int) -> tuple[int, int]:
    """First and last column of the source that a column of what is drawn depends on."""
    source = torch.rand(1, 1, network.stride, width, generator=torch.Generator().manual_seed(0)).double()
    source.requires_grad_()
    enlarged(network(source)[0], source)[..., column].sum().backward()
    assert source.grad is not None
    columns = source.grad.abs().sum((0, 1, 2)).nonzero().flatten().tolist()
    return columns[0], columns[-1]


def test_reach_by_hand() -> None:
    network = open_network(widths=(2, 2), blocks=(1,), dilations=(1,))
    by_hand = {200: (170, 229), 201: (174, 229), 202: (174, 229), 203: (174, 233)}  # back through the layers
    assert {column: network.reach(column, column) for column in by_hand} == by_hand
    assert network.radius == 30


@pytest.mark.parametrize(
    "options",
    [
        {"widths": (2, 2), "blocks": (1,), "dilations": (1,)},
        {"widths": (2, 3, 2), "blocks": (1, 2), "dilations": (1, 2)},
        {"widths": (2, 2), "blocks": (1,), "dilations": (), "block": "gated", "kernel": 5, "head": "direct"},
        {"widths": (2, 2), "blocks": (1,), "dilations": (1,), "cell": 4, "head": "affine"},
        {"widths": (2, 2, 2), "blocks": (1, 1), "dilations": (1,), "finest": 1},
    ],
)
def test_reach_is_where_gradients_go(options: dict) -> None:
    network = open_network(**options)
    first = 304  # a multiple of all strides
    ends = {column: reached(network, column, 608) for column in range(first, first + network.stride)}
    assert all(network.reach(column, column) == seen for column, seen in ends.items())
    assert network.radius == max(max(column - a, b - column) for column, (a, b) in ends.items())


@pytest.mark.parametrize("layer", [nn.PixelUnshuffle(2), nn.PixelShuffle(2)])
def test_shuffles_reach_their_own_cells(layer: nn.Module) -> None:
    source = torch.rand(1, 4, 8, 40, requires_grad=True)
    out = layer(source)
    for column in (10, 11):
        (gradient,) = torch.autograd.grad(out[..., column].sum(), source, retain_graph=True)
        seen = gradient.abs().sum((0, 1, 2)).nonzero().flatten().tolist()
        assert reach(layer, column, column) == (seen[0], seen[-1])


def test_what_lies_beyond_the_radius_does_not_count() -> None:
    torch.manual_seed(0)
    network = lively(ContextNet(1, 3, **SMALL))
    source = torch.rand(1, 1, 16, 400)
    other = source.clone()
    edge = 200 + network.radius + 1
    other[..., edge:] = torch.rand(1, 1, 16, 400 - edge) + 5
    before, after = (enlarged(network(each)[0], source) for each in (source, other))
    assert torch.allclose(before[..., :201], after[..., :201], atol=1e-5)
    assert (before[..., edge:] - after[..., edge:]).abs().max() > 0.1


# --- heads ------------------------------------------------------------------------------------------------------------


def test_training_begins_near_a_copy() -> None:
    torch.manual_seed(0)
    network = ContextNet(1, 3)
    source = 2 * torch.rand(1, 1, 64, 64) - 1
    copy = network.apply_to(source, network(source)[0])
    assert (copy - source).abs().mean() < 0.1
    grey = ContextNet(1, 2, **SMALL, start=0.0)
    assert grey.apply_to(source, grey(source)[0]).abs().mean() < 0.1


def test_features_neither_fade_nor_grow_at_the_start() -> None:
    torch.manual_seed(0)
    _, features = ContextNet(1, 3)(2 * torch.rand(2, 1, 64, 64) - 1)
    assert all(0.05 < each.std() < 5 for each in features)


def test_coefficients_of_a_small_copy_keep_the_detail_of_the_large_picture() -> None:
    network = ContextNet(1, 2, **SMALL, head="affine")
    source = torch.rand(1, 1, 32, 48)
    drawn = torch.randn(1, 4, 16, 24)  # two offsets, two gains
    large = F.interpolate(drawn, size=(32, 48), mode="bilinear", align_corners=False)
    expected = large[:, :2] + (large[:, 2:] + 1) * source
    assert torch.allclose(network.apply_to(source, drawn), expected, atol=1e-6)


# --- its layers -------------------------------------------------------------------------------------------------------


def test_channel_norm_looks_at_one_pixel() -> None:
    norm = ChannelNorm(3)
    nn.init.constant_(norm.weight, 2.0)
    nn.init.constant_(norm.bias, 0.5)
    features = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1).repeat(1, 1, 2, 2)
    features[..., 1, 1] = 7.0  # all three alike: nothing is left but the shift
    normed = norm(features)
    at = 2 * 1.5**0.5  # (3 - 2) over the deviation √(2/3), times the gain
    assert torch.allclose(normed[0, :, 0, 0], torch.tensor([0.5 - at, 0.5, 0.5 + at]), atol=1e-3)
    assert torch.allclose(normed[0, :, 1, 1], torch.full((3,), 0.5), atol=1e-6)


def test_gated_block_by_hand() -> None:
    block = GatedBlock(1, kernel=3, norm="none")
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
        _, widen, spread, _, narrow = block.body
        widen.weight[:] = torch.tensor([2.0, 3.0]).view(2, 1, 1, 1)
        spread.weight[0, 0, 1, 1] = 1.0  # the pixel itself
        spread.weight[1, 0, 1, 2] = 1.0  # its right neighbour
        narrow.weight.fill_(1.0)
        block.scale.fill_(0.5)
    row = torch.tensor([1.0, 2.0, 5.0]).view(1, 1, 1, 3)
    # 2x times 3 of the neighbour, half of it added; nothing lies right of the last.
    assert block(row).flatten().tolist() == [1 + 0.5 * 2 * 6, 2 + 0.5 * 4 * 15, 5]


def test_a_gated_block_begins_small() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 8, 8, 8)
    change = GatedBlock(8)(x) - x
    assert 0 < change.std() < 0.2 * x.std()


def test_dropout_leaves_whole_channels_out_while_training() -> None:
    torch.manual_seed(0)
    network = lively(ContextNet(1, 3, **SMALL, dropout=0.5))
    source = torch.rand(1, 1, 16, 16)
    calm = network(source)[0]
    assert torch.equal(calm, network(source)[0])
    network.train()
    dropped: list[torch.Tensor] = []
    network.drop.register_forward_hook(lambda _, __, out: dropped.append(out))
    assert not torch.allclose(calm, network(source)[0])
    assert len(dropped) == 3  # twice on the way down, once at the bottom
    silent = [(~channels.flatten(2).any(2)).float().mean() for channels in dropped]
    assert 0.1 < sum(silent) / 3 < 0.9
