"""Fusion equals repeated vector, concatenation and 1×1 convolution; names and vectors that travel as tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nirgan.layers.fusion import Fusion
from nirgan.layers.keyed_vectors import KeyedVectors
from nirgan.layers.names import pack_names, unpack_names


@pytest.mark.parametrize("bias", [True, False])
def test_fusion_is_tile_concatenate_convolve(bias: bool) -> None:
    torch.manual_seed(0)
    fusion = Fusion(5, 7, 3, bias=bias).double()
    plain = nn.Conv2d(12, 3, 1, bias=bias).double()
    plain.load_state_dict(fusion.state_dict())
    local = torch.randn(2, 5, 4, 6).double().requires_grad_()
    vector = torch.randn(2, 7).double().requires_grad_()
    weight = torch.randn(2, 3, 4, 6).double()
    results = []
    for out, parameters in (
        (fusion(local, vector), fusion.parameters()),
        (plain(torch.cat([local, vector[:, :, None, None].expand(-1, -1, 4, 6)], dim=1)), plain.parameters()),
    ):
        results.append((out, *torch.autograd.grad((out * weight).sum(), (local, vector, *parameters))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


def test_fusion_by_hand() -> None:
    fusion = Fusion(1, 2, 1)
    with torch.no_grad():
        fusion.weight.copy_(torch.tensor([2.0, 10.0, 100.0]).view(1, 3, 1, 1))
        fusion.bias.fill_(0.5)
    out = fusion(torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[4.0, 5.0]]))
    assert out.flatten().tolist() == [542.5, 546.5]  # 2·1 + 10·4 + 100·5 + ½, and with 3 in the place of 1


def test_the_vector_knows_no_place() -> None:
    torch.manual_seed(0)
    fusion, local, vector = Fusion(3, 4, 2), torch.randn(1, 3, 5, 5), torch.randn(1, 4)
    moved = fusion(local.flip(-1), vector)
    torch.testing.assert_close(moved, fusion(local, vector).flip(-1))


@pytest.mark.parametrize("names", [[], [""], ["a"], ["beach", "", "Wald & Wiese", "海岸/1"], ["\udcff"]])
def test_names_survive_as_a_tensor(names: list[str]) -> None:
    packed = pack_names(names)
    assert packed.dtype == torch.uint8
    assert packed.ndim == 1
    assert unpack_names(packed) == names


def test_vectors_are_found_by_their_keys_and_travel_in_the_state() -> None:
    vectors = KeyedVectors()
    assert vectors.find(["a"]) is None
    vectors.keep(["a", "b"], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    other = KeyedVectors()
    other.load_state_dict(vectors.state_dict())
    for one in (vectors, other):
        found = one.find(["b", "a", "b"])
        assert found is not None
        assert found.dtype == torch.float32
        assert found.tolist() == [[3, 4], [1, 2], [3, 4]]
        assert one.find(["a", "c"]) is None
    assert not list(vectors.buffers())  # nothing to average over processes


def test_an_empty_store_travels_too() -> None:
    other = KeyedVectors()
    other.keep(["a"], torch.ones(1, 2))
    other.load_state_dict(KeyedVectors().state_dict())
    assert other.find(["a"]) is None
