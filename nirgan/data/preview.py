"""A contact sheet of what training sees: crops with and without the changes to their source, beside the target."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from nirgan.config.schema import Augmentation
from nirgan.data.augment import geometry_alone
from nirgan.data.convert import from_unit
from nirgan.data.dataset import TrainingSet
from nirgan.data.index import Data
from nirgan.data.loader import StepPlan
from nirgan.data.sample import Pairing, Sample, SampleKey

Sheet = np.ndarray[Any, Any]
_GAP = 4
HEADING = 20
"""Rows of pixels above the first sample, with the columns' names."""


def contact_sheet(data: Data, *, crop: int, count: int, seed: int, augment: Augmentation) -> tuple[Sheet, list[str]]:
    """Draw the first crops of a run with these settings, one row per sample, source and target side by side.

    Where the settings change sources by more than geometry, the same crop without those changes stands before them.

    Returns:
        (H, W, 3) uint8 with a heading over each column, and what could not be read.
    """
    plain = geometry_alone(augment)
    sets = {"source": augment} if plain == augment else {"source plain": plain, "source augmented": augment}
    failed: list[str] = []
    columns: dict[str, list[Sheet]] = {}
    opened = TrainingSet(data, crop=crop, augment=augment, seed=seed, cache_mb=0)
    for name, settings in sets.items():
        training = opened.augmented(settings)
        samples = [training[key] for key in _first_batch(training, count, seed)]
        failed += training.take_failed()
        columns[name] = [_shown_source(sample) for sample in samples]
    columns["target"] = [_shown_target(sample) for sample in samples]
    return _sheet(columns, crop), list(dict.fromkeys(failed))


def _first_batch(training: TrainingSet, count: int, seed: int) -> list[SampleKey]:
    plan = StepPlan(len(training.sources), len(training.targets), batch_size=count, seed=seed)
    return plan.keys(0, 0, 0, "unpaired" if training.data.pairing == Pairing.UNPAIRED else "image")


def _shown_source(sample: Sample) -> Sheet:
    source = sample.source.numpy()
    # The first band stands for sources that are neither grey nor three-banded.
    return from_unit(source if source.shape[0] == 3 else np.repeat(source[:1], 3, axis=0), 8)


def _shown_target(sample: Sample) -> Sheet:
    assert sample.target is not None
    return from_unit(sample.target.numpy(), 8)


def _sheet(columns: dict[str, list[Sheet]], crop: int) -> Sheet:
    rows = max(map(len, columns.values()))
    sheet = np.full((HEADING + rows * (crop + _GAP) - _GAP, len(columns) * (crop + _GAP) - _GAP, 3), 128, np.uint8)
    for column, (name, pictures) in enumerate(columns.items()):
        left = column * (crop + _GAP)
        sheet[:HEADING, left : left + crop] = _heading(name, crop)
        for row, picture in enumerate(pictures):
            top = HEADING + row * (crop + _GAP)
            sheet[top : top + crop, left : left + crop] = picture
    return sheet


def _heading(text: str, width: int) -> Sheet:
    """White words on grey, small enough for their column."""
    font, height = cv2.FONT_HERSHEY_SIMPLEX, 0.45
    (wide, _), _ = cv2.getTextSize(text, font, height, 1)
    strip = np.full((HEADING, width, 3), 128, np.uint8)
    return cv2.putText(strip, text, (1, 14), font, height * min(1.0, (width - 2) / wide), (255,) * 3, 1, cv2.LINE_AA)
