"""DCGAN's discriminator: counts, shapes, field."""

from __future__ import annotations

import pytest
import torch

from nirgan.discriminators.dcgan import DcganDiscriminator
from nirgan.layers.init import init_normal


def test_counts_and_shapes_of_the_table() -> None:
    with torch.device("meta"):
        network = DcganDiscriminator(4)
    assert sum(p.numel() for p in network.parameters()) == 2_766_657
    features = network.features(torch.zeros(2, 4, 64, 64, device="meta"))
    assert [tuple(each.shape[1:]) for each in features] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    assert network.judge(features).shape == (2, 1, 1, 1)


@pytest.mark.parametrize(("side", "logits"), [(64, 1), (79, 1), (80, 2), (128, 5), (256, 13)])
def test_it_is_convolutional(side: int, logits: int) -> None:
    with torch.device("meta"):
        network = DcganDiscriminator(4, width=2)
    assert network(torch.zeros(1, 4, side, side, device="meta")).shape == (1, 1, logits, logits)


def test_field_of_a_logit() -> None:
    network = DcganDiscriminator(1, width=2).double().eval()
    init_normal(network, std=0.3)
    picture = torch.rand(1, 1, 256, 256, dtype=torch.float64, requires_grad=True)
    network(picture)[0, 0, 6, 6].backward()
    rows = picture.grad[0, 0].abs().sum(1).nonzero()
    assert rows.max() - rows.min() + 1 == 94


def test_forward_judges_the_features() -> None:
    network, pictures = DcganDiscriminator(2, width=2).eval(), torch.rand(1, 2, 64, 64)
    assert torch.equal(network(pictures), network.judge(network.features(pictures)))
