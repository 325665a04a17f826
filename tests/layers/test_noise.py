"""Prediction with dropout and batch statistics, without lasting effects."""

from __future__ import annotations

import copy

import torch
from torch import nn

from nirgan.layers.noise import batch_statistics, dropout_on

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).eval()


def test_seeded_dropout_repeats_and_leaves_other_random_numbers_alone() -> None:
    net, x = network(), torch.randn(1, 1, 8, 8)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    outputs = []
    for seed in (1, 1, 2):
        with dropout_on(net, seed, CPU):
            outputs.append(net(x))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert torch.equal(net(x), net(x))


def test_batch_statistics_are_used_but_not_learnt() -> None:
    net, x = network()[:2], 3 + 2 * torch.randn(4, 1, 8, 8)
    before, training = copy.deepcopy(net.state_dict()), copy.deepcopy(net).train()
    with batch_statistics(net):
        inside = net(x)
    assert torch.equal(inside, training(x))
    assert not torch.allclose(inside, net(x))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_modes_return_after_an_error() -> None:
    net = network()
    try:
        with batch_statistics(net), dropout_on(net, 0, CPU):
            raise RuntimeError
    except RuntimeError:
        pass
    assert not any(module.training for module in net.modules())
    assert net[1].track_running_stats
