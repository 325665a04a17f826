"""The moving average against its formula."""

from __future__ import annotations

import torch
from torch import nn

from nirgan.training.ema import Ema


def test_warm_up_by_hand() -> None:
    weight = nn.Parameter(torch.tensor([0.0]))
    ema = Ema({"w": weight}, decay=0.15)
    expected = 0.0
    for update, value in enumerate((1.0, 2.0, 3.0)):
        with torch.no_grad():
            weight.fill_(value)
        decay = (1 / 10, 0.15, 0.15)[update]  # (1 + 1) / (10 + 1) = 0.18 is above the decay
        expected = decay * expected + (1 - decay) * value
        ema.update()
    ema.swap()
    torch.testing.assert_close(weight.detach(), torch.tensor([expected]))
    ema.swap()
    assert weight.item() == 3.0


def test_state_goes_through_a_file_and_keeps_the_layout() -> None:
    weight = nn.Parameter(torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last))
    first, second = Ema({"w": weight}, 0.9), Ema({"w": weight}, 0.9)
    first.update()
    state = {"updates": 1, "average": {"w": first.state_dict()["average"]["w"].contiguous() + 1}}  # type: ignore[index]
    second.load_state_dict(state)
    assert second.updates == 1
    second.swap()
    assert weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(weight.detach(), state["average"]["w"])  # type: ignore[index]
