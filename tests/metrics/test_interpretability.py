"""Interpretability: labels from folders or from the truth, a tiny classifier, and no download."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.datasets import Imagenette
from torchvision.models import VGG16_Weights

from nirgan.metrics import interpretability
from nirgan.metrics.interpretability import Interpretability, classes_of, classify_with

RED, GREEN, BLUE = (torch.tensor(colour).view(3, 1, 1).expand(3, 8, 12) for colour in torch.eye(3).tolist())
TENCH, GOLDFISH = 0, 1


class StrongestChannel(nn.Module):
    """Sees class 0 in red pictures, class 1 in green ones, class 2 in blue ones."""

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture.mean(dim=(2, 3))


@pytest.fixture
def classify() -> interpretability.Classify:
    return classify_with(StrongestChannel(), lambda picture: picture)


def test_folders_that_are_classes_say_what_is_right(classify: interpretability.Classify) -> None:
    seen = Interpretability(classify, {"tench", "n01443537"})
    assert seen.labelled
    outputs = {"model": RED, "copy": GREEN}
    assert seen.score(outputs, RED, "tench") == {"model": 100, "copy": 0, "truth": 100}
    # The truth itself may be taken for something else.
    assert seen.score(outputs, BLUE, "n01443537") == {"model": 0, "copy": 100, "truth": 0}


@pytest.mark.parametrize("categories", [{""}, {"tench", "my garden"}, {"field", "urban"}, set()])
def test_other_folders_leave_agreement_with_the_truth(
    classify: interpretability.Classify, categories: set[str]
) -> None:
    seen = Interpretability(classify, categories)
    assert not seen.labelled
    assert seen.score({"model": RED, "copy": BLUE}, BLUE, "tench") == {"model": 0, "copy": 100, "truth": 100}


def test_the_middle_of_the_8_bit_picture_is_shown() -> None:
    shown: list[torch.Tensor] = []

    def prepare(picture: torch.Tensor) -> torch.Tensor:
        shown.append(picture)
        return picture

    wide = torch.zeros(3, 4, 10)
    wide[1, :, 3:7] = 0.7003  # green in the middle square, red beside it
    wide[0, :, :3] = wide[0, :, 7:] = 1.5
    assert classify_with(StrongestChannel(), prepare)(wide) == 1
    assert shown[0].shape == (3, 4, 4)
    assert shown[0][1].unique().tolist() == pytest.approx([179 / 255])


def test_classes_by_number_and_by_name() -> None:
    assert classes_of("n01440764") == classes_of("tench") == classes_of("Tench") == {TENCH}
    assert classes_of("n15075141") == classes_of("toilet_tissue") == {999}
    assert classes_of("black and tan coonhound") == classes_of("black-and-tan_coonhound") == {165}
    assert classes_of("cardigan") == {264, 474}
    assert not classes_of("field")
    assert not classes_of("")


def test_numbers_are_those_of_wordnet() -> None:
    # Ten of the thousand, whose names torchvision lists beside their numbers for another data set.
    categories = VGG16_Weights.IMAGENET1K_V1.meta["categories"]
    for number, names in Imagenette._WNID_TO_CLASS.items():
        (index,) = classes_of(number)
        assert categories[index] in names
    numbers = [name for name in interpretability._classes() if name[1:].isdigit()]
    assert len(numbers) == 1000
    assert numbers == sorted(numbers)


def test_torchvisions_preparation_takes_squares_of_any_size() -> None:
    prepare = VGG16_Weights.IMAGENET1K_V1.transforms()
    sizes: list[tuple[int, ...]] = []

    class Sees(nn.Module):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            sizes.append(tuple(picture.shape))
            return picture.mean(dim=(2, 3))

    for size in ((1, 1), (3, 400), (300, 500)):
        classify_with(Sees(), prepare)(torch.rand(3, *size))
    assert sizes == [(1, 3, 224, 224)] * 3


def test_missing_weights_are_a_reason_and_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("tried to download")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    reason = interpretability.missing() or ""
    assert interpretability.WEIGHTS in reason
    assert str(tmp_path / "hub" / "checkpoints") in reason
    assert interpretability.load_classifier() is None
    file = tmp_path / "hub" / "checkpoints" / interpretability.WEIGHTS
    file.parent.mkdir(parents=True)
    file.write_bytes(b"cut short")
    assert "copy it again" in (interpretability.missing() or "")
