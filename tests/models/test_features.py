"""Frozen classifiers: where weights are looked for, what is said without them, eval mode, no gradient, ranges."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nirgan.errors import NirganError
from nirgan.features import FrozenClassifier, copy_known, pretrained, timm_state, torchvision_state

RESNET18 = "ResNet18_Weights.IMAGENET1K_V1"


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torchvision keeps weights, empty; whoever downloads fails."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("tried to download")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "timm":
            raise ImportError("no timm")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


# --- where weights come from --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (RESNET18, "resnet18-f37072fd.pth"),
        ("Inception_V3_Weights.IMAGENET1K_V1", "inception_v3_google-0cc3c7bd.pth"),
        ("VGG16_Weights.IMAGENET1K_V1", "vgg16-397923af.pth"),
    ],
)
def test_missing_weights_say_where_from_where_to_and_how_to_go_on(name: str, file: str, checkpoints: Path) -> None:
    with pytest.raises(NirganError) as caught:
        torchvision_state(name)
    words = str(caught.value)
    assert f"https://download.pytorch.org/models/{file}" in words
    assert str(checkpoints) in words
    assert "--set features.pretrained=false" in words
    assert "\n" not in words


def test_a_damaged_file_is_refused_before_it_is_opened(checkpoints: Path) -> None:
    (checkpoints / "resnet18-f37072fd.pth").write_bytes(b"cut short")
    with pytest.raises(NirganError, match=r"not the file its name promises.*features\.pretrained=false"):
        torchvision_state(RESNET18)


def test_a_file_is_read_as_tensors_alone(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "hub_missing", lambda *_: None)  # a small file cannot have the real one's checksum
    torch.save({"fc.bias": torch.arange(3.0)}, checkpoints / "resnet18-f37072fd.pth")
    assert torchvision_state(RESNET18)["fc.bias"].tolist() == [0, 1, 2]


def test_timm_is_an_extra(without_timm: None) -> None:
    for ask in (lambda: timm_state("inception_resnet_v2.tf_in1k"), lambda: FrozenClassifier("inception-resnet-v2")):
        with pytest.raises(NirganError, match=r"pip install 'nirgan\[timm\]'"):
            ask()


def test_timms_weights_are_taken_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    path = tmp_path / "model.safetensors"

    def cached(repo: str, file: str) -> str | None:
        asked.append((repo, file))
        return str(path) if path.is_file() else None

    monkeypatch.setattr(pretrained, "require_timm", lambda: None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(try_to_load_from_cache=cached))
    with pytest.raises(NirganError, match=r"huggingface\.co/timm/inception_resnet_v2\.tf_in1k.*features\.pretrained"):
        timm_state("inception_resnet_v2.tf_in1k")
    save_file({"classif.bias": torch.ones(2)}, path)
    assert timm_state("inception_resnet_v2.tf_in1k")["classif.bias"].tolist() == [1, 1]
    assert asked == [("timm/inception_resnet_v2.tf_in1k", "model.safetensors")] * 2


def test_what_a_network_lacks_is_left_aside_and_what_it_has_must_be_there() -> None:
    small, large = nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    copy_known(small, large.state_dict(), "small")
    assert torch.equal(small[0].weight, large[0].weight)
    with pytest.raises(NirganError, match=r"found for large is of another.*2 of 4 .*\(first: 1\.weight\)"):
        copy_known(large, small.state_dict(), "large")


def test_a_file_with_other_classes_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As timm's older files are, with a first class «background»."""
    monkeypatch.setattr(pretrained, "require_timm", lambda: None)
    hub = SimpleNamespace(try_to_load_from_cache=lambda *_: str(tmp_path / "model.safetensors"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 4))
    state = network.state_dict()
    save_file({**state, "1.weight": torch.ones(5, 2), "1.bias": torch.ones(5)}, tmp_path / "model.safetensors")
    with pytest.raises(NirganError, match=r"2 of 6 tensors.*1\.weight.*fetch it again.*features\.pretrained=false"):
        copy_known(network, timm_state("any"), "any")
    del state["0.num_batches_tracked"]  # older files do not count
    copy_known(network, state, "any")


# --- the classifiers ----------------------------------------------------------------------------------------------


def test_published_weights_replace_random_ones(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import resnet18

    monkeypatch.setattr(pretrained, "hub_missing", lambda *_: None)
    torch.manual_seed(0)
    published = resnet18(weights=None).eval()
    torch.save(published.state_dict(), checkpoints / "resnet18-f37072fd.pth")
    classifier, grey = FrozenClassifier("resnet18"), torch.rand(1, 1, 224, 224)
    before = classifier(grey)
    classifier.load_pretrained()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    colour = (grey.expand(-1, 3, -1, -1) - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    with torch.no_grad():
        expected = published(colour)
    torch.testing.assert_close(classifier(grey), expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(before, expected, atol=1e-2)


def test_nobody_has_trained_the_tiny_one() -> None:
    with pytest.raises(NirganError, match="features=tiny has no pretrained weights"):
        FrozenClassifier("tiny").load_pretrained()


def test_it_stays_frozen() -> None:
    recipe = nn.ModuleDict({"features": FrozenClassifier("tiny"), "other": nn.BatchNorm2d(1)})
    recipe.train()
    assert recipe["other"].training
    assert not any(module.training for module in recipe["features"].modules())
    grey = torch.rand(2, 1, 16, 16, requires_grad=True)
    assert not recipe["features"](grey).requires_grad
    assert not any(p.requires_grad for p in recipe["features"].parameters())


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (100, 30)])
def test_any_size_gives_one_vector_of_logits(size: tuple[int, int]) -> None:
    classifier = FrozenClassifier("tiny")
    assert classifier(torch.rand(3, 1, *size)).shape == (3, classifier.logits)
    assert set(classifier.state_dict()) == {f"network.{name}" for name in classifier.network.state_dict()}


def test_inputs_reach_from_minus_one_to_one() -> None:
    classifier, seen = FrozenClassifier("tiny"), []
    classifier.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    classifier(torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1))
    assert seen[0].shape == (3, 3, 32, 32)
    torch.testing.assert_close(seen[0][:, :, 0, 0], torch.tensor([-1.0, 0.0, 1.0])[:, None].expand(3, 3))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inception-v3", "resnet18"])
def test_random_weights_keep_signals_alive(name: Any) -> None:
    torch.manual_seed(0)
    logits = FrozenClassifier(name)(torch.rand(2, 1, 64, 64))
    assert logits.shape == (2, 1000)
    assert logits.isfinite().all()
    assert 1e-2 < logits.abs().max() < 1e3  # half precision holds 65,504 at most
