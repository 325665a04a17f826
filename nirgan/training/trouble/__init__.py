"""Trouble that adversarial training runs into and that stops no run: seen in numbers and pictures, said in words.

``separation`` measures the discriminators in every step, ``look`` the pictures that validation or sample grids
translate, ``norm_gap`` the batch norms; ``watch`` decides what is said, and when.
"""

from nirgan.training.trouble.look import Look, look_at
from nirgan.training.trouble.norm_gap import Gap, NormGap, has_batch_norm
from nirgan.training.trouble.separation import separations
from nirgan.training.trouble.watch import Watch

__all__ = ["Gap", "Look", "NormGap", "Watch", "has_batch_norm", "look_at", "separations"]
