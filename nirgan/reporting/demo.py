"""The demonstration: train, evaluate, translate and compare on built-in scenes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nirgan.config import resolve_config
from nirgan.data.convert import from_unit
from nirgan.data.files import read_picture, write_picture
from nirgan.data.synth import render
from nirgan.errors import NirganError

logger = logging.getLogger(__name__)

SETTINGS = {"crop": 128, "optimiser": {"lr": 4e-4}}
"""Over the preset: smaller crops and larger steps show colour within minutes."""
NEW_SCENES_SEED = 2_000_000
"""Added to the seed for the folder to translate: scenes that training never saw."""


def run_demo(
    out: Path,
    *,
    model: str = "pix2pix",
    preset: str = "small",
    minutes: float = 3.0,
    pictures: int = 6,
    seed: int = 0,
    say: Callable[[str], None] = logger.info,
) -> dict[str, Any]:
    """Do the whole main job in ``out``: ``run/``, ``scenes/nir``, ``scenes/rgb``, ``translated/``, ``comparison.png``.

    Args:
        out: Folder to make.
        model: As in the registry.
        preset: Of the model; ``SETTINGS`` go over it.
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
    say(f"1/4 training {model} on built-in scenes for {minutes:g} minutes")
    given = {"model": model, "preset": preset, "minutes": minutes, "seed": seed, **SETTINGS}
    trained = train(resolve_config(given), out=run)
    if trained.signal is not None:
        say(f"go on with: nirgan train --resume --out {run}")
        raise SystemExit(128 + trained.signal)
    say("2/4 scoring it on scenes it never saw")
    summary, _ = score_weights(str(run), [], "test")
    say("3/4 translating a folder of new scenes")
    nir_folder = _write_new_scenes(out / "scenes", pictures, seed)
    translated = translate(nir_folder, out / "translated", weights=run).as_json()
    say("4/4 comparing")
    comparison = write_comparison(nir_folder, out / "translated", out / "scenes" / "rgb", out / "comparison.png")
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


def _write_new_scenes(folder: Path, count: int, seed: int) -> Path:
    for index in range(count):
        scene = render(seed + NEW_SCENES_SEED, index, height=192, width=256)
        for name, picture in (("nir", scene.nir[None]), ("rgb", scene.rgb.transpose(2, 0, 1))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_picture(folder / name / f"{index:04d}.png", from_unit(picture, 8))
    return folder / "nir"
