"""Whether a run was begun with the settings that are asked for now, given ones and defaults alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nirgan.config import RunConfig, check, read_yaml
from nirgan.config.load import LIMITS
from nirgan.errors import NirganError
from nirgan.models import recipe_class
from nirgan.models.options import resolve_options
from nirgan.runs import CONFIG
from nirgan.training.run import FREE_ON_RESUME

MAY_DIFFER = {*FREE_ON_RESUME, "dataset.disk_cache"}
"""Settings that change no result; limits do, but for a run that is not finished."""


def check_same_settings(run: Path, config: RunConfig, *, finished: bool) -> None:
    """Compare all settings of a run with resolved ones; those that are newer than the run count as they are by default.

    Args:
        run: Its folder.
        config: What is asked for.
        finished: Whether its training is: its length must then be the same, too.

    Raises:
        NirganError: naming the first that differs, or if the run's settings cannot be read.
    """
    stored = check(read_yaml(run / CONFIG), str(run / CONFIG))
    defaults = resolve_options(stored.model, recipe_class(stored.model, stored.options), {})
    complete = stored.model_copy(update={"options": defaults | stored.options})
    old, new = (dict(_leaves(each.model_dump())) for each in (complete, config))
    for key in sorted({*old, *new} - (MAY_DIFFER - {*LIMITS} if finished else MAY_DIFFER)):
        if old.get(key) != new.get(key):
            raise NirganError(
                f"{run}: trained with {key} {old.get(key)!r}, and {new.get(key)!r} was asked for: give another --out"
            )


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted keys."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
