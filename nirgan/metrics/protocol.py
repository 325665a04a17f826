"""Protocols: named, frozen ways to score, so that two numbers of one name can be compared."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from nirgan import __version__
from nirgan.errors import NirganError, nearest
from nirgan.metrics.bootstrap import DRAWS, LEVEL, SEED

BASELINES = ("copy", "lookup")
"""Columns beside every model."""

_LIBRARIES = ("torch", "torchmetrics", "kornia", "numpy")


@dataclass(frozen=True)
class Protocol:
    """A frozen way to score: what is compared, how, and how scores become one number.

    Attributes:
        name: As in results and ``--protocol``.
        definition: In words, by subject; written beside every result.
    """

    name: str
    definition: Mapping[str, str]


NIRGAN_1 = Protocol(
    name="nirgan-1",
    definition={
        "pictures": "output and truth as 8-bit sRGB at native size, nothing resized",
        "mean": "per picture, then the mean over pictures; infinite and undefined scores are left out and counted",
        "interval": f"{LEVEL:.0%} percentile bootstrap of the mean over pictures, {DRAWS:,} draws, seed {SEED}",
        "differences": "model minus baseline picture by picture, then as every mean",
        "psnr": "dB, data range 1, error over channels and pixels",
        "psnr_gain": "PSNR after the one gain per picture that fits the truth best (least squares on sRGB values), "
        "then clipped, not rounded again",
        "ssim": "data range 1, Gaussian 11x11, sigma 1.5, valid windows, biased, mean over RGB channels; "
        "undefined under 11 pixels",
        "ae": "degrees between RGB vectors, no epsilon; pixels that are black in either picture count 0, "
        "their share is dark_share",
        "delta_e": "CIEDE2000, kL = kC = kH = 1, Lab D65 2 degrees, mean over pixels",
        "colourfulness": "Hasler and Suesstrunk 2003 with signed opponents, of the output; colourfulness_gap: minus "
        "the truth's",
        "lpips": "v0.1, AlexNet, at native size; undefined under 31 pixels",
        "auc": "gray2rgb: share of pixels whose a and b are within t of the truth's, t = 0, 1, ... 150 (and 0.01 more, "
        "for Lab's rounded greys), trapezoid rule, over 150, in percent",
        "auc_rebalanced": "gray2rgb: auc with each pixel weighted by 1 / frequency of its true colour's nearest of 313 "
        "bins; frequencies are the mean of the scored truths' own, floored at 1e-6; weighted sums over all pictures, "
        "each counting alike before, over the sums of weights; the bootstrap draws both together",
        "acc1": "gray2rgb: share of pixels whose true bin (nearest of 313, at native size) has the highest logit in "
        "the cell that the pixel lies in, of methods that score bins; else is the output's nearest bin; in percent",
        "acc5": "gray2rgb: the same among the five highest logits, of methods that score bins; of copy: among the five "
        "bins that grey is soft-encoded as",
        "interpretability": "gray2rgb: share of pictures in which VGG-16 (torchvision, IMAGENET1K_V1; the central "
        "square at 256, crop 224) sees what the folder names, where all folders are ImageNet classes; else what it "
        "sees in the truth; in percent",
        "copy": "the source on three channels: channel mean for nir2rgb, the grey of that lightness for gray2rgb",
        "lookup": "the training set's mean colour for each of 256 source levels",
    },
)

PROTOCOLS: dict[str, Protocol] = {NIRGAN_1.name: NIRGAN_1}


def protocol_named(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        NirganError: if there is none; the nearest is named.
    """
    if name not in PROTOCOLS:
        raise NirganError(f"unknown protocol '{name}'{nearest(name, PROTOCOLS)} (there are: {', '.join(PROTOCOLS)})")
    return PROTOCOLS[name]


def library_versions() -> dict[str, str]:
    """Versions that numbers may depend on, for results."""
    found = {library: version(library) for library in _LIBRARIES}
    return {"nirgan": __version__, "python": platform.python_version(), **found}
