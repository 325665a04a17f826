from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.distributed as dist

from nirgan.errors import NirganError
from nirgan.inference.device import pick_device
from nirgan.inference.processes import gather, this_process


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch):
    """Set the variables of a launcher."""

    def set_to(**variables: str) -> None:
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_to


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 1)),
        ({"WORLD_SIZE": "4"}, (0, 1)),  # half of a launcher is none
        ({"RANK": "0", "WORLD_SIZE": "1"}, (0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "3"}, (2, 3)),
    ],
)
def test_a_process_knows_its_place(started, variables: dict[str, str], expected: tuple[int, int]) -> None:
    started(**variables)
    assert this_process() == expected


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("-1", "2"), ("first", "2"), ("0", "")])
def test_nonsense_of_a_launcher_is_refused(started, rank: str, world: str) -> None:
    started(RANK=rank, WORLD_SIZE=world)
    with pytest.raises(NirganError, match="torchrun"):
        this_process()


def test_one_process_gathers_its_own_rows(started) -> None:
    started()
    assert gather(["a", "b"]) == ["a", "b"]
    assert not dist.is_initialized()


@pytest.mark.parametrize("count", range(8))
def test_rows_come_back_in_the_order_of_one_process(started, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    items = list(range(count))
    started(RANK="1", WORLD_SIZE="3")

    def exchange(shares: list[Any], own: list[int]) -> None:
        assert own == items[1::3]
        shares[:] = [items[0::3], own, items[2::3]]

    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "all_gather_object", exchange)
    assert gather(items[1::3]) == items


def test_processes_that_cannot_meet_say_so(started, monkeypatch: pytest.MonkeyPatch) -> None:
    started(RANK="0", WORLD_SIZE="2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(NirganError, match=r"MASTER_.*torchrun"):
        gather([])


def test_each_process_takes_its_own_cuda_device(started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    started(RANK="3", WORLD_SIZE="4", LOCAL_RANK="1")
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda:1")
    assert pick_device("cuda:0") == torch.device("cuda:0")
    started()
    assert pick_device("auto") == torch.device("cuda")
