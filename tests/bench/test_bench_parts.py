"""Loader, translation, start and machine: what is measured is what the table says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from nirgan.allocator import return_freed_memory
from nirgan.bench import machine as bench_machine
from nirgan.bench import translate as bench_translate
from nirgan.bench.loader import (
    DecodeOnAccess,
    as_shards,
    batches_in_a_turn,
    conventional_stream,
    measure_loader,
    nirgan_stream,
)
from nirgan.bench.machine import machine, matrix_rate
from nirgan.bench.start_worker import Marks
from nirgan.bench.translate import Job, measure_translation, write_weights
from nirgan.bench.translate_worker import PeakMemory, conventional, translation
from nirgan.config import RunConfig, resolve_config
from nirgan.data import pictures
from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.inference import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import Stage
from nirgan.models.weights import load_recipe
from nirgan.training.runtime import Runtime

STAGE = Stage("train", ())


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "pairs"
    write_scenes(folder, 4, size=(32, 48))
    return folder


@pytest.fixture
def config(scenes: Path) -> RunConfig:
    return resolve_config({"model": "pix2pix", "preset": "tiny", "data": [str(scenes)]})


def opened(config: RunConfig, task: Any = "nir2rgb") -> Data:
    return open_data(config.data, task=task, val_share=0.0, test_share=0.0)


@pytest.mark.parametrize("gray", [False, True])
def test_the_conventional_set_cuts_both_pictures_alike(scenes: Path, gray: bool) -> None:
    sources, targets = sorted((scenes / "nir").iterdir()), sorted((scenes / "rgb").iterdir())
    pairs = DecodeOnAccess(sources, targets, 32, gray=gray)
    nir = cv2.imread(str(sources[1]), cv2.IMREAD_GRAYSCALE) / np.float32(255)
    rgb = cv2.imread(str(targets[1]))[..., ::-1] / np.float32(255)
    seen = set()
    for _ in range(40):
        pair = pairs[1]
        found = [
            (left, flip)
            for left in range(17)
            for flip in (1, -1)
            if np.allclose(pair["target"].numpy().transpose(1, 2, 0), rgb[:, left : left + 32][:, ::flip])
        ]
        assert len(found) == 1
        left, flip = found[0]
        seen.add(flip)
        if not gray:
            assert np.allclose(pair["source"][0].numpy(), nir[:, left : left + 32][:, ::flip])
        else:
            level = pair["target"].mean(dim=0)
            assert torch.corrcoef(torch.stack([pair["source"].flatten(), level.flatten()]))[0, 1] > 0.9
    assert seen == {1, -1}
    assert len(pairs) == 4


@pytest.mark.parametrize(("way", "reads"), [("memory", 8), ("disk cache", 8), ("files", 24)])
def test_caches_read_each_file_once(
    config: RunConfig, way: str, reads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = opened(config)
    read: list[Path] = []
    original = pictures.read_picture
    monkeypatch.setattr(pictures, "read_picture", lambda path, **o: read.append(path) or original(path, **o))
    stream = nirgan_stream(config, data, Runtime(device="cpu"), STAGE, way=way, folder=tmp_path)
    for _ in range(6):  # three epochs of two batches of two pairs
        assert next(stream)["source"].shape == (2, 1, 32, 32)
    assert len(read) == reads


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_loading_is_measured_in_turns(
    config: RunConfig, task: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("webdataset")
    monkeypatch.setattr("nirgan.bench.turns.LONG_ENOUGH", 0.01)
    monkeypatch.setattr("nirgan.bench.loader.WORKERS", (0,))
    data = opened(config, task)
    assert next(conventional_stream(config, data, 3))["target"].shape == (3, 3, 32, 32)
    result = measure_loader(config, data, Runtime(device="cpu"), STAGE, rounds=2, folder=tmp_path)
    assert result["pictures"] == 4
    assert result["failed"] == {}
    (measured,) = result["measured"]
    assert measured["workers"] == 0
    assert list(measured["images_per_s"]) == ["memory", "disk cache", "shards", "files", "conventional"]
    assert list(measured["times_as_fast"]) == ["memory", "disk cache", "shards", "files"]
    assert all(rate["low"] > 0 for rate in measured["images_per_s"].values())


@pytest.mark.parametrize(
    ("batch_size", "shards", "words"), [(5, False, "no batch of 5"), (2, True, "a file of its own")]
)
def test_data_that_cannot_be_compared_is_refused(
    config: RunConfig, tmp_path: Path, batch_size: int, shards: bool, words: str
) -> None:
    pytest.importorskip("webdataset")
    data = as_shards(config, opened(config), tmp_path / "packed") if shards else opened(config)
    settings = config.model_copy(update={"batch_size": batch_size})
    with pytest.raises(NirganError, match=words):
        measure_loader(settings, data, Runtime(device="cpu"), STAGE, rounds=1, folder=tmp_path)


def test_several_batches_of_each_worker_are_timed_together() -> None:
    assert batches_in_a_turn(0.01, workers=0) == 30
    assert batches_in_a_turn(1.3, workers=0) == 1
    assert batches_in_a_turn(1.3, workers=2) == 8


@pytest.mark.slow
def test_loading_is_measured_with_and_without_processes(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nirgan.bench.turns.LONG_ENOUGH", 0.01)
    result = measure_loader(config, opened(config), Runtime(device="cpu"), STAGE, rounds=1, folder=tmp_path)
    assert [measured["workers"] for measured in result["measured"]] == [0, 1, 2]
    assert all(rate["low"] > 0 for measured in result["measured"] for rate in measured["images_per_s"].values())


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_the_conventional_translation_gives_nirgans_picture(task: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = create_model("pix2pix", task=task, crop=64, width=8, levels=5)
    write_weights("pix2pix", recipe, tmp_path / "weights.safetensors")
    loaded, info = load_recipe(tmp_path / "weights.safetensors")
    source = torch.rand(1, 50, 75)
    wanted = translate_source(loaded, source, tile=0)
    assert (conventional(loaded)(source) - wanted).abs().max() < 1e-4
    for way in ("auto", "whole", "tiled"):
        assert (translation(loaded, info, way, torch.device("cpu"))(source) - wanted).abs().max() < 1e-4


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak cannot be taken back")
def test_peak_memory_is_what_was_held_since_its_start() -> None:
    return_freed_memory()  # a command that ran in this process may have let it be kept
    before = np.ones(60 * 2**20, np.uint8)
    del before
    peak = PeakMemory(torch.device("cpu"))
    assert peak.bytes() < 10 * 2**20
    held = np.ones(40 * 2**20, np.uint8)
    del held
    assert 40 * 2**20 <= peak.bytes() + 2**20 < 52 * 2**20


def test_a_way_whose_process_ends_is_reported_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answers:
        """Stands for a process: the conventional one has no memory for the picture."""

        def __init__(self, job: Job) -> None:
            self.job, self.peak_bytes = job, 3 * 2**20

        def __call__(self) -> float:
            if self.job.way == "conventional":
                raise bench_translate.ProcessEnded("its process ended with -9")
            return 2.0

        def close(self) -> None:
            closed.append(self.job.way)

    closed: list[str] = []
    monkeypatch.setattr(bench_translate, "TranslatingProcess", Answers)
    recipe = create_model("pix2pix", crop=32, width=4)
    result = measure_translation("pix2pix", recipe, tmp_path, "cpu", 3, size=(1000, 500), ways=("auto", "conventional"))
    assert result["seconds_per_megapixel"] == {"auto": {"median": 4.0, "low": 4.0, "high": 4.0}}
    assert result["peak_mib"] == {"auto": 3.0}
    assert result["times_as_fast"] == {}
    assert result["failed"] == {"conventional": "its process ended with -9"}
    assert sorted(closed) == ["auto", "conventional"]


def test_parts_of_a_start_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("nirgan.bench.start_worker.time.time", lambda: now[0])
    marks = Marks(since=97.0)
    marks.done("import")

    def work(value: int) -> int:
        now[0] += 5
        return value

    assert marks.after("data", work)(7) == 7
    assert marks.seconds == {"import": 3.0, "data": 5.0}


def test_the_machines_rate_is_the_best_of_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(device="cpu")
    seconds = {100: 1e-3, 200: 4e-3}
    monkeypatch.setattr(bench_machine, "_product", lambda left, right, runtime: seconds[len(left)])
    assert matrix_rate(runtime, torch.float32, (100, 200)) == pytest.approx(4.0)  # 2·200³ / 4 ms; the other is 2
    assert machine(runtime)["versions"]["torch"] == torch.__version__
    assert machine(runtime)["device_name"]
