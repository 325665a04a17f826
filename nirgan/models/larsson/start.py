"""Where training starts: VGG-16 as it learned ImageNet, fed with grey, and all its layers at one scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from nirgan.features import torchvision_state
from nirgan.features.classifier import IMAGENET_MEAN, IMAGENET_STD
from nirgan.generators.hypercolumn import Hypercolumn

GRAY_MEAN = 0.4488
"""Taken from grey levels before the network sees them: ImageNet's mean."""
WIDTH, FC = 64, 4096
"""Of VGG-16."""


def load_vgg(network: Hypercolumn) -> None:
    """Take torchvision's VGG-16, that with batch norm where the network has it.

    Raises:
        NirganError: if its file is not on this machine; with what to do.
    """
    name = "VGG16_BN_Weights" if _norm_of(network.layers["conv1_1"]) is not None else "VGG16_Weights"
    take_vgg(network, torchvision_state(f"{name}.IMAGENET1K_V1"))


@torch.no_grad()
def take_vgg(network: Hypercolumn, state: Mapping[str, Tensor]) -> None:
    """Copy a VGG's weights: ``features`` to conv1 to conv5, its first two fully connected layers to fc6 and fc7."""
    published = [name for name in state if name.startswith("features.") and state[name].ndim == 4]
    names = [name for name in network.layers if name.startswith("conv")]
    for name, source in zip(names, published, strict=True):
        weight, bias = state[source], state[source.replace("weight", "bias")]
        if name == names[0]:
            weight, bias = _for_gray(weight, bias)
        _take_convolution(network.layers[name], weight, bias)
        if (norm := _norm_of(network.layers[name])) is not None:
            _take_norm(norm, state, int(source.split(".")[1]) + 1, bias)
    for name, source in (("fc6", "classifier.0"), ("fc7", "classifier.3")):
        if name in network.layers:
            _take_convolution(network.layers[name], state[f"{source}.weight"], state[f"{source}.bias"])


@torch.no_grad()
def rescale(network: Hypercolumn, pictures: Iterable[Tensor]) -> None:
    """Give each layer a second moment of about one over these pictures, in place.

    A layer's weights are divided by its own scale and multiplied by that of the layer before, so that every layer keeps
    what it computes but for a factor: ReLUs and pools let factors pass. For networks without norms.

    Args:
        network: Its mode is left as it was.
        pictures: Sources (B,C,H,W) of one size.
    """
    training = network.training
    network.eval()
    seen = [torch.stack([x.float().square().mean() for x in network.features(picture)]) for picture in pictures]
    network.train(training)
    scales = torch.stack(seen).double().mean(dim=0).sqrt().tolist()
    before = 1.0  # the source stays as it is
    for layer, found in zip(network.layers.values(), scales[1:], strict=True):
        own = found or 1.0  # of a layer that is 0 everywhere, which has no scale
        convolution = _convolution_of(layer)
        convolution.weight.mul_(before / own)
        assert convolution.bias is not None  # it has no norm
        convolution.bias.div_(own)
        before = own


def _for_gray(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer, for a grey level less ``GRAY_MEAN`` in place of three equal channels, normalised.

    The sum over the channels, not their mean; the difference between the means goes into the bias. At the border, where
    VGG pads with its mean colour, this pads with the mean grey.
    """
    mean, std = (torch.tensor(values, dtype=weight.dtype).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    scaled = weight / std
    return scaled.sum(dim=1, keepdim=True), bias + (scaled * (GRAY_MEAN - mean)).sum(dim=(1, 2, 3))


def _take_convolution(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    convolution = _convolution_of(layer)
    # A fully connected layer that sees 7×7 cells is a convolution of 7×7.
    convolution.weight.copy_(weight.reshape(convolution.weight.shape))
    if convolution.bias is not None:
        convolution.bias.copy_(bias)


def _take_norm(norm: nn.BatchNorm2d, state: Mapping[str, Tensor], number: int, bias: Tensor) -> None:
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(norm, name).copy_(state[f"features.{number}.{name}"])
    assert norm.running_mean is not None  # just copied
    norm.running_mean.sub_(bias)  # convolutions before a norm have no bias here


def _convolution_of(layer: nn.Module) -> nn.Conv2d:
    return next(part for part in layer.modules() if isinstance(part, nn.Conv2d))


def _norm_of(layer: nn.Module) -> nn.BatchNorm2d | None:
    return next((part for part in layer.modules() if isinstance(part, nn.BatchNorm2d)), None)
