"""Colour spaces as differentiable functions (kornia underneath)."""

from nirgan.color.lab import gray_to_lightness, lab_to_rgb, lightness, lightness_to_gray, rgb_to_lab

__all__ = ["gray_to_lightness", "lab_to_rgb", "lightness", "lightness_to_gray", "rgb_to_lab"]
