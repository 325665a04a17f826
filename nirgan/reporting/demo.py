"""The demonstration: train, evaluate, translate and compare on built-in scenes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nirgan.config import resolve_config
from nirgan.config.schema import HOUSE
from nirgan.data.files import read_picture, write_picture
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError

logger = logging.getLogger(__name__)

SCENES, SIZE = 240, (192, 256)
"""Pairs to learn from, and their height and width."""
SETTINGS: Mapping[str, Any] = {"crop": 128, "optimiser": {"lr": 4e-4}}
"""Over the preset: smaller crops and larger steps show colour within minutes."""
HOUSE_SETTINGS: Mapping[str, Any] = {"crop": 128, "batch_size": 8, "options": {"working_size": SIZE[0]}}
"""The same for the house recipe, whose steps are large: smaller batches, and scenes at their own size."""
NEW_SCENES_SEED = 2_000_000
"""Added to the seed for the folder to translate: scenes that training never saw."""


def run_demo(
    out: Path,
    *,
    model: str = HOUSE,
    preset: str = "small",
    minutes: float = 3.0,
    pictures: int = 6,
    seed: int = 0,
    say: Callable[[str], None] = logger.info,
) -> dict[str, Any]:
    """Do the whole main job in ``out``: ``scenes/``, ``run/``, ``new/``, ``translated/``, ``comparison.png``.

    Args:
        out: Folder to make.
        model: As in the registry.
        preset: Of the model; ``SETTINGS`` or ``HOUSE_SETTINGS`` go over it.
        minutes: Time to train.
        pictures: New scenes to translate.
        seed: Of networks and scenes.
        say: Takes lines for people.

    Returns:
        ``run``, ``comparison`` (paths), ``translate`` and ``evaluate`` (the commands' JSON).

    Raises:
        NirganError: if ``out`` exists already.
    """
    from nirgan.inference.api import translate
    from nirgan.reporting.score_weights import score_weights
    from nirgan.training import train

    if out.exists():
        raise NirganError(f"{out}: exists already; delete it or give another --out")
    run = out / "run"
    say(f"1/4 training {model} on {SCENES} built-in scenes for {minutes:g} minutes")
    # Written, not rendered on demand: the speed of the first steps, from which minutes become steps, is then the run's.
    write_scenes(out / "scenes", SCENES, size=SIZE, seed=seed)
    given = {
        "model": model,
        "preset": preset,
        "minutes": minutes,
        "seed": seed,
        "data": [str(out / "scenes")],
        **(HOUSE_SETTINGS if model == HOUSE else SETTINGS),
    }
    trained = train(resolve_config(given), out=run)
    if trained.signal is not None:
        say(f"go on with: nirgan train --resume --out {run}")
        raise SystemExit(128 + trained.signal)
    say("2/4 scoring it on scenes it never saw")
    summary, _ = score_weights(str(run), [], "test")
    say("3/4 translating a folder of new scenes")
    write_scenes(out / "new", pictures, size=SIZE, seed=seed + NEW_SCENES_SEED)
    nir_folder = out / "new" / "nir"
    translated = translate(nir_folder, out / "translated", weights=run).as_json()
    say("4/4 comparing")
    comparison = write_comparison(nir_folder, out / "translated", out / "new" / "rgb", out / "comparison.png")
    return {"run": str(run), "comparison": str(comparison), "translate": translated, "evaluate": summary}


def write_comparison(sources: Path, outputs: Path, targets: Path, path: Path, *, gap: int = 6) -> Path:
    """Save a sheet with a row for each picture: source | output | target, all of one size, matched by stem."""
    rows = []
    for source in sorted(sources.glob("*.png")):
        cells = [read_picture(folder / source.name).pixels for folder in (sources, outputs, targets)]
        cells = [np.repeat(cell, 3, axis=2) if cell.shape[2] == 1 else cell for cell in cells]
        white = np.full((cells[0].shape[0], gap, 3), 255, np.uint8)
        rows.append(np.concatenate([cells[0], white, cells[1], white, cells[2]], axis=1))
        rows.append(np.full((gap, rows[0].shape[1], 3), 255, np.uint8))
    write_picture(path, np.concatenate(rows[:-1], axis=0))
    return path
