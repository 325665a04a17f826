"""``nirgan data shard`` as people and scripts call it, and what reads shards afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Nirgan

from nirgan.data.synth import write_scenes


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    pytest.importorskip("webdataset")
    write_scenes(tmp_path / "scenes", 6, size=(48, 64))
    return tmp_path / "scenes"


def test_it_says_what_it_packed(nirgan: Nirgan, scenes: Path) -> None:
    told = nirgan("data", "shard", "scenes", "--out", "packed")
    assert told.code == 0
    assert told.out.startswith("packed: 6 samples in 1 shard, ")


def test_json_is_one_object(nirgan: Nirgan, scenes: Path, tmp_path: Path) -> None:
    told = nirgan("data", "shard", "scenes", "--out", "packed", "--shard-mb", "0.01", "--json")
    assert told.code == 0
    result = json.loads(told.out)
    files = [path for side in ("nir", "rgb") for path in (scenes / side).iterdir()]
    assert result == {
        "written": "packed",
        "shards": len(list((tmp_path / "packed").glob("shard-*.tar"))),
        "samples": 6,
        "bytes": sum(path.stat().st_size for path in files),
        "failed": [],
    }
    assert result["shards"] > 1


def test_commands_read_shards(nirgan: Nirgan, scenes: Path) -> None:
    nirgan("data", "shard", "scenes", "--out", "packed")
    split = json.loads(nirgan("data", "split", "packed", "--out", "split.csv", "--json").out)
    assert split["train"] + split["val"] + split["test"] == 6
    told = nirgan("data", "preview", "--data", "packed", "--crop", "32", "--count", "2", "--out", "sheet.png", "--json")
    assert json.loads(told.out)["failed"] == []


def test_a_lost_file_is_listed_and_the_rest_is_packed(nirgan: Nirgan, scenes: Path) -> None:
    lost = sorted((scenes / "nir").iterdir())[0]
    lost.unlink()
    lost.symlink_to("nowhere.png")
    told = nirgan("data", "shard", "scenes", "--out", "packed")
    told.failed(f"scenes/nir/{lost.name}")
    assert "5 samples" in told.out
    told = nirgan("data", "shard", "scenes", "--out", "again", "--json")
    assert told.code == 1
    (failed,) = json.loads(told.out)["failed"]
    assert failed == {"path": f"scenes/nir/{lost.name}", "error": "No such file or directory"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--out", "packed"], "nowhere"),
        (["synthetic", "--out", "packed"], "nirgan data synth"),
        (["scenes", "--out", "scenes"], "is there already"),
        (["scenes", "--out", "scenes/nir/file/packed"], "cannot be written"),
    ],
)
def test_wrong_use_is_refused(nirgan: Nirgan, scenes: Path, arguments: list[str], words: str) -> None:
    (scenes / "nir" / "file").write_text("no folder")
    before = sorted(scenes.rglob("*"))
    assert words in nirgan("data", "shard", *arguments).refused
    assert sorted(scenes.rglob("*")) == before


@pytest.mark.slow
def test_a_killed_run_goes_on(scenes: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nirgan", "data", "shard", "scenes", "--shard-mb", "0.01", "--json"]
    subprocess.run([*command, "--out", "whole"], cwd=tmp_path, check=True, capture_output=True)
    for _ in range(3):
        started = subprocess.Popen([*command, "--out", "out"], cwd=tmp_path, stdout=subprocess.DEVNULL)
        part = tmp_path / ".out.part"
        while started.poll() is None and not part.exists():
            time.sleep(0.001)
        started.kill()
        started.wait()
    if not (tmp_path / "out").exists():
        subprocess.run([*command, "--out", "out"], cwd=tmp_path, check=True, capture_output=True)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "out")]
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_a_run_on_shards_with_a_disk_cache_is_the_run_on_the_folder(
    nirgan: Nirgan, scenes: Path, tmp_path: Path
) -> None:
    nirgan("data", "shard", "scenes", "--out", "packed")
    train = ("train", "--model", "pix2pix", "--preset", "tiny", "--steps", "4", "--json", "--set", "dataset.cache_mb=0")
    trained, scored = [], []
    for data, more in (("scenes", ()), ("packed", ("--set", "dataset.disk_cache=cache", "--workers", "1"))):
        assert nirgan(*train, "--data", data, "--out", f"runs/{data}", *more).code == 0
        last = tmp_path / "runs" / data / "checkpoints" / "last"
        trained.append((tmp_path / "runs" / data / "split.csv").read_text())
        assert (last / "weights.safetensors").exists()
        told = nirgan("evaluate", "--weights", f"runs/{data}", "--json")
        assert told.code == 0
        scored.append(json.loads(told.out))
    assert trained[0] == trained[1]
    assert scored[0]["metrics"] == scored[1]["metrics"]
    assert len(list((tmp_path / "cache").rglob("*.pixels"))) == 8
