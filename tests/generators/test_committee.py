"""Networks that share a batch while they learn, and whose answers are averaged."""

from __future__ import annotations

import pytest
import torch

from nirgan.errors import NirganError
from nirgan.generators.committee import Committee
from nirgan.generators.context_net import ContextNet
from nirgan.generators.unet import UNet


def committee(context_nets: int, unets: int = 0) -> Committee:
    torch.manual_seed(0)
    nets = [ContextNet(1, 3, widths=(4, 6), blocks=(1,), dilations=(1,)) for _ in range(context_nets)]
    others = [UNet(1, 3, channels=(4, 6), head="affine", upsample="resize", activation="none") for _ in range(unets)]
    return Committee(nets, others)


def pictures(count: int) -> torch.Tensor:
    return 2 * torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize(("context_nets", "unets"), [(2, 0), (1, 2), (0, 2), (1, 0)])
def test_the_answer_is_the_mean_of_their_pictures(context_nets: int, unets: int) -> None:
    all_of_them, source = committee(context_nets, unets).eval(), pictures(3)
    outputs = []
    for member in all_of_them.members:
        drawn = member.draw(source) if isinstance(member, UNet) else member(source)[0]
        outputs.append(member.apply_to(source, drawn))
    mean = torch.stack(outputs).mean(dim=0)
    assert all(not torch.allclose(outputs[0], other, atol=1e-3) for other in outputs[1:])  # they begin differently
    assert torch.allclose(all_of_them(source)[0], mean, atol=1e-5)
    assert torch.allclose(all_of_them.apply_to(source, all_of_them.draw(source)), mean, atol=1e-5)


def test_what_is_drawn_for_a_smaller_copy_is_applied_to_the_source() -> None:
    both, source = committee(1, 1).eval(), pictures(1)
    drawn = both.draw(torch.nn.functional.avg_pool2d(source, 2))
    assert drawn.shape == (1, 3 * 8 + 6, 8, 8)  # curves of 8 knots, offsets and gains
    found = both.apply_to(source, drawn)
    assert found.shape == (1, 3, 16, 16)
    moved = both.apply_to(source.flip(-1), drawn.flip(-1)).flip(-1)
    assert torch.allclose(found, moved, atol=1e-5)
    assert not torch.allclose(found, both.apply_to(torch.zeros_like(source), drawn), atol=1e-2)


@pytest.mark.parametrize(("context_nets", "unets"), [(3, 0), (1, 2)])
def test_while_training_each_gets_its_share_in_order(context_nets: int, unets: int) -> None:
    three, source = committee(context_nets, unets).train(), pictures(7)
    output, features = three(source)
    assert [len(part) for part in features] == ([7, 7] if not unets else [])
    start = 0
    for member, count in zip(three.members, (3, 2, 2), strict=True):
        share = source[start : start + count]
        drawn, seen = (member.draw(share), []) if isinstance(member, UNet) else member(share)
        assert torch.allclose(output[start : start + count], member.apply_to(share, drawn), atol=1e-5)
        if not unets:
            assert all(
                torch.allclose(a[start : start + count], b, atol=1e-5) for a, b in zip(features, seen, strict=True)
            )
        start += count


def test_each_members_gradient_comes_from_its_share_alone() -> None:
    both = committee(1, 1).train()
    output, _ = both(pictures(4))
    output[:2].sum().backward()
    first, second = ([p.grad for p in member.parameters()] for member in both.members)
    assert any(g is not None and bool(g.any()) for g in first)
    assert not any(g is not None and bool(g.any()) for g in second)


def test_a_batch_that_is_too_small_is_refused() -> None:
    with pytest.raises(NirganError, match="3 members cannot share a batch of 2: give --batch-size 3 or more"):
        committee(2, 1).train()(pictures(2))


def test_it_looks_as_far_as_the_farthest() -> None:
    context, unet = committee(1), committee(0, 1)
    assert committee(1, 1).radius == max(context.radius, unet.radius)
    assert committee(1, 1).stride == context.stride == unet.stride
