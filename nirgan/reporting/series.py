"""Several methods trained one after the other, alike, and scored alike; what was done is not done again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch

from nirgan.config import RunConfig, merge, read_yaml, resolve_config
from nirgan.data.places import anchored
from nirgan.errors import NirganError
from nirgan.files import write_whole
from nirgan.inference.find import find_weights
from nirgan.models import create_model, recipe_class
from nirgan.models.options import offline_options
from nirgan.models.recipe import Recipe
from nirgan.models.weights import read_info, weights_hash
from nirgan.reporting.files import SUMMARY, read_results
from nirgan.reporting.same_settings import check_same_settings
from nirgan.reporting.score_weights import score_weights
from nirgan.runs import CONFIG
from nirgan.training import train
from nirgan.training.limits import stage_ends

logger = logging.getLogger(__name__)

ALIKE = ("task", "minutes", "steps", "epochs")
"""Settings in which methods must not differ, beside those that are given for all."""
RECORD = "training.json"
"""What a finished training came to; in its run's folder."""

Settings = dict[str, Any]
Result = TypeVar("Result")


def settings_of(
    methods: Sequence[str], common: Mapping[str, Any], *, minutes: float, steps: Sequence[str] = ()
) -> dict[str, Settings]:
    """Settings of each method by its name, checked before the first is trained.

    Args:
        methods: A recipe's name, with options of it that are on beside its preset's as ``pix2pix+registration``; or a
            YAML file with the keys of a run's ``config.yaml`` but those that all share, whose stem is the name.
        common: What all share, nested as in ``config.yaml``.
        minutes: Of training.
        steps: In place of minutes: ``N`` for all, ``METHOD=N`` for one, so that what minutes came to on one machine can
            be repeated on another.

    Raises:
        NirganError: for an unknown name, a file that is none or says what all share, two methods of one name, steps
            that are none, what the recipe cannot be built with, and as ``resolve_config``.
    """
    own: dict[str, Settings] = {}
    for method in methods:
        name, settings = _settings_of_one(method)
        if own.setdefault(name, settings) != settings:
            raise NirganError(f"{method}: there is another method called {name}: give the file another name")
        if shared := [key for key in sorted({*common, *ALIKE}) if key in settings]:
            raise NirganError(f"{method}: {', '.join(shared)} must be alike in all: give it as an option")
    counted = _steps_of(list(own), steps)
    for name, settings in own.items():
        limit = {"steps": counted[name]} if name in counted else {"minutes": minutes}
        own[name] = merge(settings, common, limit)
        _check_builds(name, resolve_config(own[name], where=name))
    return own


def _check_builds(method: str, config: RunConfig) -> None:
    """Find what only a recipe's constructor refuses."""
    try:
        _sizes_alone(config, 1)
    except NirganError as error:
        raise NirganError(f"{method}: {error}") from None


def _settings_of_one(method: str) -> tuple[str, Settings]:
    path = Path(method)
    if path.suffix in (".yaml", ".yml"):
        return path.stem, read_yaml(path)
    model, *options = method.split("+")
    return method, {"model": model, "options": dict.fromkeys(options, True)}


def _steps_of(methods: Sequence[str], steps: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for given in sorted(steps, key=lambda words: "=" in words):  # what is said of one counts more than what of all
        method, _, number = given.rpartition("=")
        if not number.isdigit() or not int(number) or method not in ("", *methods):
            raise NirganError(f"--steps {given}: give a number of steps, or METHOD=N with one of {', '.join(methods)}")
        found.update(dict.fromkeys([method] if method else methods, int(number)))
    return found


def run_in_turn(
    names: Sequence[str],
    measure: Callable[[str], Result],
    write: Callable[[Mapping[str, Result]], None],
    *,
    say: Callable[[str], None] = logger.info,
) -> list[str]:
    """Measure one name after the other and write what there is after each; one that fails does not stop the others.

    Args:
        names: In the order of work.
        measure: From a name to its result.
        write: Told all results so far, by name.
        say: Takes lines for people.

    Returns:
        The names whose measurement raised NirganError; the reason was said.
    """
    results: dict[str, Result] = {}
    failed: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        say(f"{name} ({number} of {len(names)})")
        try:
            results[name] = measure(name)
        except NirganError as error:
            failed[name] = str(error)
        else:
            write(results)
    for name, reason in failed.items():
        say(f"left out: {name}: {reason}")
    return list(failed)


def train_once(run: Path, given: Settings) -> dict[str, Any]:
    """Train in ``run``; go on with what was interrupted there; where it was finished, say again what it came to.

    Args:
        run: The run's folder.
        given: Settings over the preset, nested as in ``config.yaml``.

    Returns:
        ``settings`` (those given), ``steps``, ``images`` (crops seen), ``seconds`` (of training alone), ``parameters``
        (of what translates) and ``parameters_trained`` (of all networks, discriminators too).

    Raises:
        NirganError: as ``train``, or if the run has other settings, given or by defaults that were others then.
        SystemExit: after a signal, with a checkpoint to go on from.
    """
    given = {**given, "data": [anchored(spec) for spec in given.get("data", [])]}
    config, record = resolve_config(given), run / RECORD
    begun, finished = (run / CONFIG).is_file(), record.is_file()
    if begun or finished:
        check_same_settings(run, config, finished=finished)
    if finished:
        done: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return done
    result = train(config, out=run, resume=begun, given=given)
    if result.signal is not None:
        raise SystemExit(128 + result.signal)
    done = {
        "settings": given,
        "steps": result.steps,
        "seconds": round(result.seconds, 1),
        **_facts(run, config, result.steps),
    }
    write_whole(record, (json.dumps(done, indent=2) + "\n").encode())
    return done


def score_once(weights: Path, out: Path, specs: Sequence[str] = (), split: str = "test") -> dict[str, Any]:
    """The content of ``metrics.json`` in ``out``, scored now unless these very weights were before.

    Args:
        weights: A checkpoint's folder.
        out: Folder for the results.
        specs: As in ``score_weights``.
        split: As in ``score_weights``.

    Raises:
        NirganError: as ``score_weights``.
    """
    if (out / SUMMARY).is_file():
        summary = read_results(out).summary
        if summary["weights"]["hash"] == weights_hash(find_weights(weights)):
            return summary
    logger.info("scoring %s", weights)
    return score_weights(weights, specs, split, out=out)[0]


def check_same_pictures(summaries: Iterable[Mapping[str, Any]]) -> None:
    """Raise NirganError if evaluations scored other files, or some could not score them all."""
    found = {(summary["protocol"], summary["data"]["hash"], summary["count"]) for summary in summaries}
    if len(found) > 1:
        raise NirganError(
            f"the methods scored {len(found)} different sets of pictures: files changed, or cannot be read; remove the "
            "folders `evaluation` of the runs and start again"
        )


def _facts(run: Path, config: RunConfig, steps: int) -> dict[str, int]:
    """Crops that were seen and sizes of networks, of a finished run."""
    info = read_info(find_weights(run / "checkpoints" / "last"))
    recipe = _sizes_alone(config, info.source_channels)
    translating = {p for path in recipe.translates_with for p in recipe.network(path).parameters()}
    return {
        "images": _images(recipe, config, steps),
        "parameters": sum(p.numel() for p in translating),
        "parameters_trained": sum(p.numel() for p in recipe.parameters()),
    }


def _sizes_alone(config: RunConfig, source_channels: int) -> Recipe:
    """The recipe of a run, whose weights hold no values and take no room."""
    options = {**config.options, **offline_options(recipe_class(config.model))}
    with torch.device("meta"):
        return create_model(
            config.model, task=config.task, source_channels=source_channels, crop=config.crop, **options
        )


def _images(recipe: Recipe, config: RunConfig, steps: int) -> int:
    """Crops of so many steps; a stage may have a batch size of its own."""
    ends = [0, *stage_ends(recipe.stages, steps)] if recipe.stages else []
    sizes = [(stage.batch_size or config.batch_size) * config.accumulate for stage in recipe.stages]
    return sum(size * (end - start) for size, (start, end) in zip(sizes, pairwise(ends), strict=True))
