"""An evaluation from beginning to end: find weights and pictures, score, write the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nirgan.data.bands import difference
from nirgan.data.index import SPLITS
from nirgan.data.sample import Pairing
from nirgan.errors import NirganError, nearest
from nirgan.inference.device import pick_device, place
from nirgan.inference.ensemble import check_ensemble
from nirgan.inference.find import find_weights
from nirgan.inference.predict import parse_tile
from nirgan.inference.processes import this_process
from nirgan.metrics.protocol import library_versions, protocol_named
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo, load_recipe, weights_hash
from nirgan.reporting.choose import Choice, choose_data
from nirgan.reporting.evaluate import Failure, OnProgress, evaluate
from nirgan.reporting.files import write_results
from nirgan.reporting.own import results_folder
from nirgan.reporting.summary import summarise


def score_weights(
    weights: str | Path | None,
    specs: Sequence[str] = (),
    split: str = "test",
    *,
    protocol: str = "nirgan-1",
    out: Path | None = None,
    pairing: str | None = None,
    band: int | None = None,
    full_scale: float | None = None,
    max_pixels: int | None = None,
    device: str = "auto",
    tile: str | int = "auto",
    ensemble: int = 1,
    shared: bool = False,
    on_progress: OnProgress = lambda done, total: None,
) -> tuple[dict[str, Any], list[Failure]]:
    """Score weights by a protocol and write ``metrics.json`` and ``per_image.csv``.

    Args:
        weights: A file, run, checkpoint folder or shipped name; None: the newest run's.
        specs: Folders or cards with the truth; none: the data of the run that the weights come from.
        split: ``test``, ``val``, ``train`` or ``all``.
        protocol: Name of the protocol.
        out: Folder for the results; None: ``RUN/evaluation/SPLIT`` (other data, or a part of the run's:
            ``RUN/evaluation/NAME-SPLIT``; weights other than the best: ``RUN/evaluation/last-SPLIT``), or
            ``evaluation/WEIGHTS/NAME-SPLIT`` for weights that belong to no run. An
            ensemble has a folder of its own, ``…-ensemble4``.
        pairing: Overrides what the data's layout says.
        band: Band of multi-band sources, from 1; None: as in training.
        full_scale: Stored source value that means 1.0; None: as in training.
        max_pixels: Larger pictures are refused; None: as in training, or 400 million for other data.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        tile: ``auto``, 0, or the side of tiles in pixels.
        ensemble: Symmetries whose mean is scored, 1, 2, 4 or 8; noted in the results.
        shared: Share the pictures with the other processes of a launcher, all of which must call; the first writes.
        on_progress: Told how far it is.

    Returns:
        The content of ``metrics.json`` with ``out``, and the pictures that could not be scored.

    Raises:
        NirganError: for anything that keeps every picture from being scored.
    """
    definition = protocol_named(protocol)
    _one_of("--split", split, (*SPLITS, "all"))
    if pairing is not None:
        _one_of("--pairing", pairing, list(Pairing))
    tiles, where = parse_tile(str(tile)), pick_device(device)
    check_ensemble(ensemble)
    path = find_weights(weights, None)
    recipe, info = load_recipe(path)
    choice = choose_data(
        path, info, specs, split, pairing=pairing, band=band, full_scale=full_scale, max_pixels=max_pixels
    )
    _check_channels(path, info, choice)
    other_band = difference(info.wavelength, choice.data.wavelength, choice.name)
    evaluation = evaluate(
        place(recipe, where),
        info,
        choice.data,
        choice.split,
        tile=tiles,
        ensemble=ensemble,
        shared=shared,
        on_progress=on_progress,
    )
    summary = {
        "protocol": definition.name,
        **summarise(evaluation),
        "task": info.task,
        "split": choice.split,
        "weights": {"file": str(path), "hash": weights_hash(path), "model": info.model, "step": info.step},
        "data": _describe(choice),
        "failed": [{"path": failure.path, "error": failure.error} for failure in evaluation.failed],
        "notes": [
            *choice.notes,
            *evaluation.notes,
            *filter(None, [other_band]),
            *_of_ensemble(ensemble, recipe),
        ],
        "definition": dict(definition.definition),
        "libraries": library_versions(),
        "device": str(where),
        "tile": tiles,
        "ensemble": ensemble,
        "seconds": round(evaluation.seconds, 3),
    }
    name = choice.folder if ensemble == 1 else f"{choice.folder}-ensemble{ensemble}"
    folder = out or results_folder(path, "evaluation", name)
    if not shared or this_process()[0] == 0:
        write_results(folder, summary, evaluation.pictures)
    return {**summary, "out": str(folder)}, evaluation.failed


def _describe(choice: Choice) -> dict[str, Any]:
    data = choice.data
    return {
        "name": choice.name,
        "own": choice.own,
        "hash": data.fingerprint(choice.split),
        "layouts": data.layouts,
        "pairing": str(data.pairing),
    }


def _of_ensemble(number: int, recipe: Recipe) -> list[str]:
    """What must be known of an ensemble's scores, beside those of others."""
    if number == 1:
        return []
    words = f"the mean over {number} symmetries of each picture: {number} times the time of a plain translation"
    ranks = "; acc1 and acc5 rank the bins of the picture as it is" if recipe.ranks_bins else ""
    return [words + ranks]


def _check_channels(weights: Path, info: WeightsInfo, choice: Choice) -> None:
    if choice.data.source_channels == info.source_channels:
        return
    advice = "choose one with --band" if info.source_channels == 1 else "give pictures that have as many with --data"
    raise NirganError(
        f"{choice.name}: {choice.data.source_channels} source channels, but {weights} takes "
        f"{info.source_channels}; {advice}"
    )


def _one_of(option: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise NirganError(f"{option} {value}: unknown{nearest(value, valid)} (there are: {', '.join(valid)})")
