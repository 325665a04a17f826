"""Pictures in folders of classes, as a recipe's sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from nirgan.data.index import Data, Record, first_of
from nirgan.data.open import open_data
from nirgan.data.sample import Task
from nirgan.errors import NirganError
from nirgan.models.weights import WeightsInfo

TEST_SHARE = 0.2
"""Of pictures that nothing splits."""


@dataclass(frozen=True)
class ClassData:
    """Pictures whose classes are known.

    Attributes:
        data: Reads them.
        train: Those that classifiers learn from.
        test: Those that they are scored on.
        names: Of the classes, sorted.
        notes: About the data, for people.
    """

    data: Data
    train: list[Record]
    test: list[Record]
    names: list[str]
    notes: list[str]

    @property
    def records(self) -> list[Record]:
        """All pictures: those to train on first."""
        return [*self.train, *self.test]

    def label(self, record: Record) -> int:
        """Number of a picture's class."""
        return self.names.index(record.category)


def open_classes(specs: Sequence[str], info: WeightsInfo, task: str | None = None, seed: int = 0) -> ClassData:
    """Open folders of classes: a picture's class is its category, which is the first folder below the data's.

    The split is the data's own (``train/`` and ``val/`` or ``test/``, a ``split.csv``); what nothing splits is split by
    class. Scored is the test split, where there is none the validation split.

    Args:
        specs: As in ``open_data``.
        info: Of the weights: what its sources are.
        task: ``gray2rgb`` shows any network the lightness of colour pictures; None takes the weights' own.
        seed: Of a split that has to be made.

    Raises:
        NirganError: if the data cannot be opened, its sources have other channels than the network takes, or there are
            not two classes with pictures in both splits.
    """
    data = open_data(
        specs,
        task=cast(Task, task or info.task),
        seed=seed,
        band=info.band,
        weights_full_scale=info.full_scale,
        val_share=0.0,
        test_share=TEST_SHARE,
    )
    places = first_of(list(specs))
    if data.source_channels != info.source_channels:
        raise NirganError(
            f"{places}: {data.source_channels} source channels, but the network takes {info.source_channels}"
        )
    learnt, scored = data.sources("train"), data.sources("test") or data.sources("val")
    train = [record for record in learnt if record.category]
    names = sorted({record.category for record in train})
    test = [record for record in scored if record.category in names]
    if len(names) < 2 or not test:
        raise NirganError(
            f"{places}: {len(names)} classes to train on and {len(test)} pictures of them to score; put pictures into "
            "a folder for each class (CLASS/1.jpg), perhaps below train/ and val/"
        )
    said = [data.warn_if_split_made] if data.warn_if_split_made else []
    return ClassData(data, train, test, names, [*said, *_left_out([*learnt, *scored], names)])


def _left_out(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """Words about the pictures that have no class, or one that no classifier learns."""
    bare = [record for record in records if not record.category]
    strange = [record.category for record in records if record.category and record.category not in names]
    words = [f"left out, because they lie in no class's folder: {len(bare)} (first: {bare[0].path})"] if bare else []
    if strange:
        listed = ", ".join(sorted(set(strange)))
        words.append(f"left out, because there are none of their class to learn from: {len(strange)} ({listed})")
    return words
