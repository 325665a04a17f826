"""The main network of user-guided colorization: counts, blocks, sums, reach."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nirgan.generators.siggraph17 import Siggraph17

BLOCKS = {  # channels, and sides at 64 pixels
    "conv1": (64, 64), "conv2": (128, 32), "conv3": (256, 16), "conv4": (512, 8), "conv5": (512, 8),
    "conv6": (512, 8), "conv7": (512, 8), "conv8_up": (256, 16), "conv8": (256, 16), "conv9_up": (128, 32),
    "conv9": (128, 32), "conv10_up": (128, 64), "conv10": (128, 64),
}  # fmt: skip


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_counts_are_the_published_networks() -> None:
    with torch.device("meta"):
        assert count(Siggraph17()) == 34_051_074
        assert count(Siggraph17(classes=529)) == 34_187_027


def test_blocks_are_those_of_the_table() -> None:
    seen: dict[str, tuple[int, int]] = {}
    with torch.device("meta"):
        network = Siggraph17(classes=529)
    for name in BLOCKS:
        block = network.get_submodule(name)
        block.register_forward_hook(lambda _, __, out, name=name: seen.update({name: (out.shape[1], out.shape[-1])}))
    source = torch.zeros(1, 4, 64, 64, device="meta")
    assert network(source).shape == (1, 2, 64, 64)
    assert seen == BLOCKS
    assert network.model_class is not None
    assert network.model_class(network.trunk(source)[2]).shape == (1, 529, 16, 16)
    convolutions = {name: [m for m in network.get_submodule(name) if isinstance(m, nn.Conv2d)] for name in BLOCKS
                    if not name.endswith("_up")}  # fmt: skip
    assert [len(layers) for layers in convolutions.values()] == [2, 2, 3, 3, 3, 3, 3, 2, 1, 1]
    for name, layers in convolutions.items():
        dilation = 2 if name in ("conv5", "conv6") else 1
        assert all(m.dilation == m.padding == (dilation, dilation) and m.stride == (1, 1) for m in layers)
    last = [type(network.get_submodule(name)[-1]) for name in convolutions]
    assert last == [nn.BatchNorm2d] * 9 + [nn.LeakyReLU]


def test_what_replaces_a_block_is_what_later_blocks_and_sums_get() -> None:
    network, given = Siggraph17(width=2).eval(), dict[str, tuple[Tensor, ...]]()
    network.conv1.register_forward_hook(lambda *args: torch.full_like(args[2], 0.5))
    network.conv3.register_forward_hook(lambda *args: torch.full_like(args[2], 0.25))
    for name in ("conv2", "conv4", "conv8_up", "conv10_up"):
        block = network.get_submodule(name)
        block.register_forward_pre_hook(lambda _, inputs, name=name: given.update({name: inputs}))
    network(torch.rand(1, 4, 16, 16))
    assert (given["conv2"][0] == 0.5).all()
    assert (given["conv10_up"][1] == 0.5).all()
    assert (given["conv4"][0] == 0.25).all()
    assert (given["conv8_up"][1] == 0.25).all()


def test_sums_stand_before_the_relu() -> None:
    network = Siggraph17(width=2)
    deep, beside = torch.randn(1, 16, 2, 2), torch.randn(1, 8, 4, 4)
    by_hand = network.conv8_up.up(deep) + network.conv8_up.shortcut(beside)
    assert torch.equal(network.conv8_up(deep, beside), by_hand)
    assert by_hand.min() < 0
    assert isinstance(network.conv8[0], nn.ReLU)


def test_every_second_row_and_column_is_kept() -> None:
    network = Siggraph17(width=1)
    picture = torch.arange(24.0).view(1, 1, 4, 6)
    assert network.conv2[0](picture).tolist() == [[[[0, 2, 4], [12, 14, 16]]]]


@pytest.fixture
def open_network() -> Siggraph17:
    """Positive throughout: nothing cancels and no ReLU closes, so that gradients show all that is seen."""
    network = Siggraph17(1, 1, width=1, activation="relu").eval().double()
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.running_var, 1e4)  # keeps numbers small
    return network


def reached(network: nn.Module, source: Tensor, column: int) -> tuple[int, int]:
    """First and last column of the source that a column of the output depends on."""
    source = source.clone().requires_grad_()
    network(source)[..., column].sum().backward()
    assert source.grad is not None
    columns = source.grad.abs().sum((0, 1, 2)).nonzero().flatten().tolist()
    return columns[0], columns[-1]


def test_radius_is_how_far_the_source_reaches(open_network: Siggraph17) -> None:
    source = torch.rand(1, 1, 8, 400, dtype=torch.float64)
    ends = {column: reached(open_network, source, column) for column in range(200, 208)}
    assert ends[200] == (200 - 186, 200 + 178)  # worked by hand, back through the layers
    assert ends[201] == (201 - 187, 201 + 177)
    assert all(open_network.reach(column, column) == seen for column, seen in ends.items())
    assert open_network.radius == 187


def test_it_gives_features_where_asked() -> None:
    torch.manual_seed(0)
    features = Siggraph17(1, 5, width=2, activation="relu")(torch.rand(1, 1, 16, 24))
    assert features.shape == (1, 5, 16, 24)
    assert features.min() == 0
