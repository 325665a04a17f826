"""The network of Colorful Image Colorization, and generators as features for a head."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.generators.colorful import Colorful
from nirgan.generators.features import build_features, output_stride
from nirgan.layers.ab_head import AbHead

CARRIERS = ("colorful", "colornet", "resnet", "unet")


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_counts_are_those_of_the_release() -> None:
    with torch.device("meta"):
        network, head = Colorful(), AbHead(256, "ab-bins")
    assert count(network) + count(head) == 32_235_385  # the release's colorizer without its fixed decoding layer
    assert count(head) == 256 * 313 + 313


def test_blocks_are_those_of_the_table() -> None:
    sizes = []
    with torch.device("meta"):
        network = Colorful()
    for block in network.body:
        block.register_forward_hook(lambda _, __, out: sizes.append((out.shape[1], out.shape[-1])))
    features = network(torch.zeros(1, 1, 256, 256, device="meta"))
    assert sizes == [(64, 128), (128, 64), (256, 32), (512, 32), (512, 32), (512, 32), (512, 32), (256, 64)]
    assert AbHead(256, "ab-bins").to("meta")(features).shape == (1, 313, 64, 64)
    convs = [[m for m in block if isinstance(m, nn.Conv2d)] for block in network.body]
    assert [len(block) for block in convs] == [2, 2, 3, 3, 3, 3, 3, 2]
    assert [block[-1].dilation[0] for block in convs] == [1, 1, 1, 1, 2, 2, 1, 1]
    assert [[conv.stride[0] for conv in block] for block in convs[:4]] == [[1, 2], [1, 2], [1, 1, 2], [1, 1, 1]]
    assert all(conv.bias is not None for block in convs for conv in block)
    kinds = [type(block[-1]).__name__ for block in network.body]
    assert kinds == ["BatchNorm2d"] * 7 + ["ReLU"]


def test_a_narrow_one_is_narrow_everywhere() -> None:
    network = Colorful(2, 12, width=4)
    assert network(torch.rand(2, 2, 16, 24)).shape == (2, 12, 4, 6)
    assert max(parameter.shape[0] for parameter in network.parameters()) == 32


def test_radius_is_how_far_the_source_reaches() -> None:
    network = Colorful(1, 2, width=1).eval().double()
    for parameter in network.parameters():  # positive: nothing cancels, no ReLU closes
        nn.init.ones_(parameter)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.running_var, 100.0)  # keeps numbers small
    assert network.radius == 181  # worked by hand, back from each column of a cell
    middle = 192
    source = torch.rand(1, 1, 16, 2 * middle + 8, dtype=torch.float64)
    distances = []
    for column in range(middle, middle + 8):
        columns = reached(network, source, column // 4)
        distances += [column - columns[0], columns[-1] - column]
    assert max(distances) == network.radius


def reached(network: nn.Module, source: Tensor, cell: int) -> list[int]:
    """Columns of the source that a column of the output depends on."""
    source = source.clone().requires_grad_()
    network(source)[..., cell].sum().backward()
    assert source.grad is not None
    return source.grad.abs().sum((0, 1, 2)).nonzero().flatten().tolist()


# --- features of any generator --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CARRIERS)
def test_generators_give_features(name: str) -> None:
    torch.manual_seed(0)
    network = build_features(name, 1, 5, width=4, options={})
    step = output_stride(network)
    features = network(torch.rand(2, 1, 32, 48))
    assert step == (4 if name == "colorful" else 1)
    assert features.shape == (2, 5, 32 // step, 48 // step)
    assert features.min() == 0  # a ReLU, and not a tanh
    features.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_width_is_that_of_the_first_layer_and_options_win() -> None:
    assert build_features("unet", 1, 5, width=3, options={}).encoder[3][0].out_channels == 24
    deep = build_features("unet", 1, 5, width=3, options={"channels": [2, 4, 4, 8, 8], "upsample": "resize"})
    assert deep.stride == 32
    assert deep.encoder[0][0].out_channels == 2
    assert build_features("resnet", 1, 5, width=3, options={"norm": "batch"}).body[0].out_channels == 3


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("unte", {}, "unknown generator 'unte'; did you mean 'unet'"),
        ("triplet", {}, "gives no features for a head.*takes no out_channels, activation; choose one of .*colorful"),
        ("unet", {"chanels": [4]}, "has no option 'chanels'; did you mean 'channels'"),
        ("unet", {"activation": "tanh"}, "has no option 'activation'"),
        ("unet", {"channels": []}, "cannot be built with"),
        ("resnet", {"residual_blocks": "many"}, "cannot be built with"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(name: str, options: dict, words: str) -> None:
    with pytest.raises(NirganError, match=words):
        build_features(name, 1, 5, width=4, options=options)


# --- the head -------------------------------------------------------------------------------------------------------


def test_the_head_averages_over_cells() -> None:
    head = AbHead(3, "ab", pool=4)
    features = torch.rand(2, 3, 16, 24)
    means = features.unflatten(3, (6, 4)).unflatten(2, (4, 4)).mean((3, 5))
    assert torch.allclose(head(features), head[-1](means), atol=1e-6)
    assert head(features).shape == (2, 2, 4, 6)


def test_the_head_takes_cells_as_they_are() -> None:
    head = AbHead(3, "ab-bins")
    assert len(head) == 1
    assert head(torch.rand(1, 3, 5, 7)).shape == (1, 313, 5, 7)
