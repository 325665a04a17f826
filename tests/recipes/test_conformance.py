"""Every registered recipe, for every task it does, passes the conformance suite."""

from __future__ import annotations

from nirgan.models import list_models, recipe_class
from nirgan.registry import MODELS
from nirgan.testing import conformance

for _name in list_models():
    _entry = MODELS.loaded(_name)
    if _entry is None or not _entry.build.__module__.startswith("nirgan."):
        continue  # plug-ins that happen to be installed test themselves
    for _task in recipe_class(_name).tasks:
        globals()[f"Test_{_name}_{_task}".replace("-", "_")] = conformance(_name, task=_task)
