"""Registration: where the near-infrared picture lies on the colour picture, and whether to believe it."""
