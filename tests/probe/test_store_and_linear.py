"""Features on disk, and classifiers that find what is in them and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.probe.linear import LinearProbe, correct, fit
from nirgan.probe.store import FeatureStore

CLASSES, ROWS = 4, 240
TRAIN, TEST = np.arange(0, 160), np.arange(160, ROWS)


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(ROWS) % CLASSES


@pytest.fixture
def layers(labels: Tensor) -> dict[str, Tensor]:
    """A layer that holds the class and one that does not."""
    draw = torch.Generator().manual_seed(0)
    means = torch.randn(CLASSES, 6, 4, generator=draw)
    separable = means[labels] + 0.05 * torch.randn(ROWS, 6, 4, generator=draw)
    return {"separable": separable, "noise": torch.randn(ROWS, 6, 4, generator=draw)}


@pytest.fixture
def store(tmp_path: Path, layers: dict[str, Tensor]) -> FeatureStore:
    made = FeatureStore(tmp_path, ROWS, layers)
    for layer, features in layers.items():
        made.write(layer, 0, features)
    return made


def accuracy(store: FeatureStore, labels: Tensor, rows: np.ndarray = TEST) -> dict[str, float]:
    probes = fit(store, labels, TRAIN, classes=CLASSES, epochs=40, seed=0, device=torch.device("cpu"))
    return {layer: 100 * float(right.mean()) for layer, right in correct(probes, store, labels, rows).items()}


def test_a_layer_that_holds_the_class_reaches_everything_and_noise_stays_at_chance(
    store: FeatureStore, labels: Tensor
) -> None:
    found = accuracy(store, labels)
    assert found["separable"] == 100
    assert 5 < found["noise"] < 50  # chance is 25


def test_shuffled_labels_stay_near_chance(store: FeatureStore, labels: Tensor) -> None:
    shuffled = labels[torch.randperm(ROWS, generator=torch.Generator().manual_seed(3))]
    assert 5 < accuracy(store, shuffled)["separable"] < 50


def test_layers_are_trained_apart_and_repeatably(store: FeatureStore, labels: Tensor, tmp_path: Path) -> None:
    noise = store.read("noise", np.arange(ROWS))
    (tmp_path / "alone").mkdir()
    alone = FeatureStore(tmp_path / "alone", ROWS, {"noise": noise})
    alone.write("noise", 0, noise)
    first = accuracy(store, labels)
    assert accuracy(store, labels) == first
    assert accuracy(alone, labels)["noise"] == pytest.approx(first["noise"], abs=3)


def test_pictures_that_go_by_are_counted(store: FeatureStore, labels: Tensor) -> None:
    counts: list[int] = []
    settings = {"classes": CLASSES, "epochs": 3, "seed": 0, "device": torch.device("cpu")}
    fit(store, labels, TRAIN, **settings, on_pictures=counts.append)  # type: ignore[arg-type]
    assert sum(counts) == 3 * len(TRAIN)


def test_norm_takes_scale_out_without_one_of_its_own() -> None:
    probe = LinearProbe(3, 4, CLASSES)
    assert [name for name, _ in probe.named_parameters()] == ["linear.weight", "linear.bias"]
    assert probe.linear.weight.shape == (CLASSES, 12)
    features = torch.randn(50, 3, 4)
    assert not probe(features).any()  # begins at zero
    torch.testing.assert_close(probe.norm(1000 * features), probe.norm(features), atol=1e-3, rtol=0)
    probe.norm.reset_running_stats()
    probe.norm(features)
    torch.testing.assert_close(probe.norm.running_mean, features.mean(dim=(0, 2)))


def test_rows_come_back_in_half_precision_up_to_their_scale(tmp_path: Path) -> None:
    tiny = 1e-7 * torch.rand(6, 2, 3)  # half precision alone would keep two digits of these
    store = FeatureStore(tmp_path, 6, {"tiny": tiny[:4]})
    store.write("tiny", 0, tiny[:4])
    store.write("tiny", 4, tiny[4:])
    rows = np.array([5, 0, 3])
    scale = float(tiny[:4].abs().max())
    torch.testing.assert_close(store.read("tiny", rows) * scale, tiny[rows], rtol=1e-3, atol=1e-10)
    assert store.sizes == {"tiny": (2, 3)}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 6 * 2 * 3 * 2


def test_large_values_are_held_and_broken_ones_refused(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 2, {"layer": torch.zeros(1, 1, 1)})
    store.write("layer", 0, torch.tensor([[[1e30]], [[-1e30]]]))
    assert store.read("layer", np.arange(2)).flatten().tolist() == [65504, -65504]
    with pytest.raises(NirganError, match="layer: its features hold NaN"):
        store.write("layer", 0, torch.tensor([[[float("nan")]]]))


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(NirganError, match=r"10 pictures need 0\.0 GB.*--layers"):
        FeatureStore(tmp_path, 10, {"layer": torch.zeros(1, 30, 4)})
    assert not list(tmp_path.iterdir())
