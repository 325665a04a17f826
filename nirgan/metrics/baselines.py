"""What a model has to beat: the source itself as a colour picture."""

from __future__ import annotations

from torch import Tensor

from nirgan.color import lightness_to_gray


def copy_source(source: Tensor, task: str) -> Tensor:
    """The baseline ``copy``: the source on all three channels.

    Args:
        source: (C, H, W) in [0, 1]. For ``gray2rgb`` the lightness L*/100, which becomes the grey of that lightness;
            for ``nir2rgb`` the sensor's values, averaged over its channels.
        task: ``nir2rgb`` or ``gray2rgb``.

    Returns:
        (3, H, W) in [0, 1].
    """
    grey = source.mean(dim=0, keepdim=True)
    return (lightness_to_gray(grey) if task == "gray2rgb" else grey).clamp(0, 1).expand(3, -1, -1)
