"""Deep Koalarization: an encoder-decoder with what a frozen classifier says of the whole picture."""

from nirgan.models.koalarization.recipe import Koalarization

__all__ = ["Koalarization"]
