"""What is refused before the first batch, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterable

from nirgan.data.index import Data, Record
from nirgan.data.sample import Pairing, Sample
from nirgan.errors import NirganError, nearest
from nirgan.models.options import can_register
from nirgan.models.recipe import Recipe
from nirgan.registry import MODELS
from nirgan.training.validate import evenly_spread

_NOT_DECLARED = {1.0, 255.0, 32767.0, 65535.0}
"""Full scales that follow from a file's dtype."""


def check_data(name: str, recipe: Recipe, data: Data) -> None:
    """Refuse data that a recipe cannot take.

    Args:
        name: The recipe's.
        recipe: Built with its options, which may narrow what it accepts.
        data: With a training split.

    Raises:
        NirganError: if the pairing is not one the recipe accepts, a field it needs is missing, it cannot learn the
            labels, or there is nothing to train on.
    """
    if data.pairing not in recipe.pairings:
        raise NirganError(
            f"{name} takes {' or '.join(recipe.pairings)} data, and this is {data.pairing} "
            f"({'; '.join(data.layouts)}). Ways out: {_ways_out(name, recipe, data)}"
        )
    if not data.sources("train") or not data.targets("train"):
        raise NirganError(f"no training pictures in {'; '.join(data.layouts)}: the split leaves none for `train`")
    recipe.check_labels({record.category for record in data.sources("train")} - {""})
    missing = [field for field in recipe.fields if field not in ("source", "target")]
    sample = _first_readable(data, data.sources("train")) if missing else None
    missing = [field for field in missing if sample is None or field not in sample.extras]
    if missing:
        raise NirganError(
            f"{name} needs {' and '.join(missing)} with every picture, and {'; '.join(data.layouts)} has none: "
            "add it to the data (`nirgan data list` shows the layouts), or choose another --model"
        )


def check_phases(recipe: Recipe, names: Iterable[str]) -> None:
    """Refuse settings for a phase that the recipe does not have; the nearest one is named."""
    known = list(dict.fromkeys(phase.name for stage in recipe.stages for phase in stage.phases))
    for name in names:
        if name not in known:
            there_are = ", ".join(known) or "none"
            raise NirganError(f"unknown phase 'phases.{name}'{nearest(name, known)} (there are: {there_are})")


def declared_full_scale(data: Data) -> float | None:
    """Full scale that the user or the files declare; None where it is only the largest value of the files' dtype."""
    if data.full_scale is not None:
        return data.full_scale
    some = [sample for record in evenly_spread(data.sources("train"), 4) if (sample := _readable(data, record))]
    scales = {sample.full_scale for sample in some}
    return scales.pop() if len(scales) == 1 and not scales & _NOT_DECLARED else None


def _ways_out(name: str, recipe: Recipe, data: Data) -> str:
    """What to do with data of a pairing that a recipe does not take, numbered."""
    ways = []
    if data.pairing == Pairing.UNREGISTERED and data.task == "nir2rgb":
        ways.append("align it: nirgan data align DIR --out DIR2")
        if can_register(type(recipe)):
            ways.append("register in training (nirgan-reg): --set options.registration=true")
    if data.pairing in type(recipe).pairings:
        ways.append("leave out the options that compare outputs with their targets")
    if others := [other for other in _that_take(data) if other != name]:
        more = f" (or {', '.join(others[1:])})" if others[1:] else ""
        ways.append(f"a model for {data.pairing} data: --model {others[0]}{more}")
    ways.append(f"if it is {recipe.pairings[0]} in truth: --pairing {recipe.pairings[0]}")
    return "; ".join(f"({number}) {way}" for number, way in enumerate(ways, 1))


def _that_take(data: Data) -> list[str]:
    """Names of the models that take data of this pairing and task."""
    entries = [entry for name in MODELS.names() if (entry := MODELS.loaded(name)) is not None]
    return [
        entry.name
        for entry in entries
        if data.pairing in getattr(entry.build, "pairings", ()) and data.task in getattr(entry.build, "tasks", ())
    ]


def _first_readable(data: Data, records: list[Record]) -> Sample | None:
    return next((sample for record in records if (sample := _readable(data, record)) is not None), None)


def _readable(data: Data, record: Record) -> Sample | None:
    try:
        return data.sample(record)
    except NirganError:
        return None
