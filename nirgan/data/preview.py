"""A contact sheet of what training sees: augmented crops, source beside target."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirgan.config.schema import Augmentation
from nirgan.data.convert import from_unit
from nirgan.data.dataset import TrainingSet
from nirgan.data.index import Data
from nirgan.data.loader import StepPlan
from nirgan.data.sample import Pairing

_GAP = 4


def contact_sheet(
    data: Data, *, crop: int, count: int, seed: int, augment: Augmentation
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Draw the first crops of a run with these settings, side by side as far as they belong together.

    Returns:
        (H, W, 3) uint8, one row per sample with source and target side by side; and what could not be read.
    """
    training = TrainingSet(data, crop=crop, augment=augment, seed=seed, cache_mb=0)
    plan = StepPlan(len(training.sources), len(training.targets), batch_size=count, seed=seed)
    view = "unpaired" if data.pairing == Pairing.UNPAIRED else "image"
    samples = [training[key] for key in plan.keys(0, 0, 0, view)]
    sheet = np.full((count * (crop + _GAP) - _GAP, 2 * crop + _GAP, 3), 128, np.uint8)
    for row, sample in enumerate(samples):
        top = row * (crop + _GAP)
        source = sample.source.numpy()
        # The first band stands for sources that are neither grey nor three-banded.
        shown = source if source.shape[0] == 3 else np.repeat(source[:1], 3, axis=0)
        assert sample.target is not None
        sheet[top : top + crop, :crop] = from_unit(shown, 8)
        sheet[top : top + crop, crop + _GAP :] = from_unit(sample.target.numpy(), 8)
    return sheet, training.take_failed()
