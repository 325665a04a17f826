"""A probe from beginning to end: find weights and pictures, keep features, train classifiers, score them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirgan.inference.device import pick_device, place
from nirgan.inference.find import find_weights
from nirgan.layers.reach import round_up
from nirgan.metrics import aggregate, paired_difference
from nirgan.models.weights import load_recipe, weights_hash
from nirgan.probe.blocks import find_blocks, named_blocks
from nirgan.probe.classes import ClassData, open_classes
from nirgan.probe.features import Features, Network, compute_features
from nirgan.probe.linear import correct, fit
from nirgan.probe.twin import untrained_twin

TRAINED, RANDOM = "trained", "random"
"""The network that was trained, and its twin that was not."""

OnProgress = Callable[[int, int], None]
"""Told the number of pictures that went by and that will in all, each as often as it does."""
Answers = dict[str, NDArray[np.bool_]]
"""Whether each picture's class was named, by layer."""


def probe(
    weights: str | Path | None,
    specs: Sequence[str],
    *,
    task: str | None = None,
    layers: Sequence[str] = (),
    epochs: int = 30,
    size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress = lambda done, total: None,
) -> dict[str, Any]:
    """Train linear classifiers on the frozen features of each block of a network, and of an untrained one beside it.

    Deviations from Zhang, Isola and Efros (2016): features are computed once, of the middle of each picture, neither
    cropped nor mirrored at random; and means over cells take the place of resized maps.

    Args:
        weights: As in ``find_weights``.
        specs: Folders of classes, as in ``open_classes``.
        task: What the pictures are to the network; None takes the weights' own.
        layers: Paths of modules below the recipe's networks; none: its blocks.
        epochs: Of the classifiers.
        size: Side of the pictures in pixels; None takes the recipe's working size, else that of its training crops.
        seed: Of the split where one is made, of the untrained network, and of the classifiers' batches.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        on_progress: Told how far it is.

    Returns:
        ``weights``, ``task``, ``data``, ``counts`` of pictures, ``chance`` (percent that always naming the commonest
        class gets), ``layers`` (see ``_layers``), ``settings``, ``notes`` for people, and ``failed``: pictures that
        could not be read.

    Raises:
        NirganError: for anything that keeps the probe from a result.
    """
    where, path = pick_device(device), find_weights(weights, None)
    recipe, info = load_recipe(path)
    classes = open_classes(specs, info, task, seed)
    networks = {
        name: Network(place(one, where), named_blocks(one, layers) if layers else find_blocks(one))
        for name, one in ((TRAINED, recipe), (RANDOM, untrained_twin(recipe, info, seed)))
    }
    side = round_up(max(size or recipe.working_size or info.crop, recipe.smallest), recipe.stride)
    add = _counter(on_progress, len(classes.records) + len(networks) * epochs * len(classes.train))
    with TemporaryDirectory(prefix="nirgan-probe-") as folder:
        features = compute_features(networks, classes, Path(folder), side=side, device=where, on_pictures=add)
        settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "device": where, "on_pictures": add}
        found = {name: _answers(features, name, len(classes.names), **settings) for name in networks}
        rows = _layers(features, found)
    return {
        "weights": {"file": str(path), "hash": weights_hash(path), "model": info.model, "step": info.step},
        "task": classes.data.task,
        "data": {"layouts": classes.data.layouts, "classes": classes.names},
        "counts": {"train": len(features.train), "test": len(features.test)},
        "chance": _chance(features),
        "layers": rows,
        "settings": {"size": side, "epochs": epochs, "seed": seed},
        "notes": _notes(classes, networks[TRAINED], rows),
        "failed": features.failed,
    }


def _answers(features: Features, network: str, classes: int, **settings: Any) -> tuple[Answers, Answers]:
    """Whether each picture to score, and each to train on, is put into its class."""
    store, labels = features.stores[network], features.labels
    probes = fit(store, labels, features.train, classes=classes, **settings)
    return correct(probes, store, labels, features.test), correct(probes, store, labels, features.train)


def _layers(features: Features, found: Mapping[str, tuple[Answers, Answers]]) -> list[dict[str, Any]]:
    """For each layer its ``channels`` and ``cells``, and accuracies in percent.

    ``trained``, ``random`` and, picture by picture, their ``difference`` are means with 95 % intervals; ``fit`` is the
    trained network's accuracy on what its classifier learned from.
    """
    rows = {name: _rows(answers) for name, (answers, _) in found.items()}
    means = {name: aggregate(of) for name, of in rows.items()}
    differences = paired_difference(rows[TRAINED], rows[RANDOM])
    sizes = features.stores[TRAINED].sizes
    return [
        {
            "layer": layer,
            "channels": channels,
            "cells": cells,
            **{name: means[name][layer] for name in means},
            "difference": differences[layer],
            "fit": 100 * float(found[TRAINED][1][layer].mean()),
        }
        for layer, (channels, cells) in sizes.items()
    ]


def _rows(answers: Answers) -> list[dict[str, float]]:
    count = len(next(iter(answers.values())))
    return [{layer: 100.0 * right[index] for layer, right in answers.items()} for index in range(count)]


def _chance(features: Features) -> float:
    """Percent that always naming the commonest class gets."""
    labels = features.labels.numpy()
    commonest = np.bincount(labels[features.train]).argmax()
    return 100 * float((labels[features.test] == commonest).mean())


def _notes(classes: ClassData, network: Network, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    silent = [layer for layer in network.blocks if layer not in {row["layer"] for row in rows}]
    left_out = [f"left out, because they give no maps when the network runs: {', '.join(silent)}"] if silent else []
    return [*classes.notes, *left_out]


def _counter(on_progress: OnProgress, total: int) -> Callable[[int], None]:
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        on_progress(done, total)

    on_progress(0, total)
    return add
