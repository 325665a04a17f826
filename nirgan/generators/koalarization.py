"""The network of Deep Koalarization: an encoder, a vector that another network found, a decoder."""

from __future__ import annotations

from torch import Tensor, nn

from nirgan.generators.local_global import colour_decoder, low_features, mid_features
from nirgan.layers.fusion import Fusion
from nirgan.layers.reach import radius
from nirgan.registry import GENERATORS


@GENERATORS.register("koalarization", paper="arXiv 1712.03400")
class FusedEncoderDecoder(nn.Module):
    """Eight convolutions down to an eighth of the sides, an embedding beside them at every point, six back up.

    Encoder and decoder are the low-level, mid-level and colour networks of ``local-global``, without norms.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        embedding: Channels of the vector.
        width: Channels of the first layer.
        encoded: Channels that the encoder ends in; None is four times the width, as in the authors' code. Their text
            says eight times.

    Shape: (B, in_channels, H, W) and (B, embedding) to (B, out_channels, H, W), in [-1, 1]; H and W are
    multiples of 8.
    """

    stride = 8

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 2,
        *,
        embedding: int = 1000,
        width: int = 64,
        encoded: int | None = None,
    ) -> None:
        super().__init__()
        encoded = encoded or 4 * width
        self.encoder = nn.Sequential(low_features(in_channels, width), mid_features(width, encoded))
        self.fusion = Fusion(encoded, embedding, 4 * width)
        self.decoder = nn.Sequential(nn.ReLU(), colour_decoder(width, out_channels, activation="tanh"))

    def forward(self, source: Tensor, embedding: Tensor) -> Tensor:
        """Colours of a source whose whole is described by an embedding."""
        return self.decoder(self.fusion(self.encoder(source), embedding))

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source reaches the output there by the embedding alone."""
        return radius(nn.Sequential(self.encoder, self.fusion, self.decoder), self.stride)
