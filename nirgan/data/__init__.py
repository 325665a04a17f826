"""Data: samples, picture files, folder layouts, splits, the training set and its loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nirgan.data.dataset import TrainingSet
    from nirgan.data.index import Data, Record
    from nirgan.data.loader import StepPlan, make_loader
    from nirgan.data.lookup import apply_lookup, lookup_table
    from nirgan.data.open import open_data
    from nirgan.data.sample import Pairing, Sample, SampleKey

_HOMES = {
    "Data": "index",
    "Pairing": "sample",
    "Record": "index",
    "Sample": "sample",
    "SampleKey": "sample",
    "StepPlan": "loader",
    "TrainingSet": "dataset",
    "apply_lookup": "lookup",
    "lookup_table": "lookup",
    "make_loader": "loader",
    "open_data": "open",
}

__all__ = [
    "Data",
    "Pairing",
    "Record",
    "Sample",
    "SampleKey",
    "StepPlan",
    "TrainingSet",
    "apply_lookup",
    "lookup_table",
    "make_loader",
    "open_data",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: reading a sample's type must not load albumentations."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
