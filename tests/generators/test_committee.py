"""Networks that share a batch while they learn, and whose answers are averaged."""

from __future__ import annotations

import pytest
import torch

from nirgan.errors import NirganError
from nirgan.generators.committee import Committee
from nirgan.generators.context_net import ContextNet


def committee(members: int) -> Committee:
    torch.manual_seed(0)
    return Committee(lambda: ContextNet(1, 3, widths=(4, 6), blocks=(1,), dilations=(1,)), members)


def test_the_answer_is_the_mean_of_theirs() -> None:
    both, source = committee(2).eval(), torch.rand(3, 1, 16, 16)
    one, other = (member(source)[0] for member in both.members)
    assert not torch.allclose(one, other)  # they begin differently
    assert torch.allclose(both(source)[0], (one + other) / 2)


def test_while_training_each_gets_its_share_in_order() -> None:
    three, source = committee(3).train(), torch.rand(7, 1, 16, 16)
    drawn, features = three(source)
    assert [len(part) for part in (drawn, *features)] == [7, 7, 7]
    start = 0
    for member, count in zip(three.members, (3, 2, 2), strict=True):
        own, seen = member(source[start : start + count])
        assert torch.allclose(drawn[start : start + count], own, atol=1e-6)
        assert all(torch.allclose(a[start : start + count], b, atol=1e-5) for a, b in zip(features, seen, strict=True))
        start += count


def test_a_batch_that_is_too_small_is_refused() -> None:
    with pytest.raises(NirganError, match="3 members cannot share a batch of 2: give --batch-size 3 or more"):
        committee(3).train()(torch.rand(2, 1, 16, 16))


def test_one_member_is_itself() -> None:
    one, source = committee(1), torch.rand(2, 1, 16, 16)
    assert torch.equal(one(source)[0], one.first(source)[0])
