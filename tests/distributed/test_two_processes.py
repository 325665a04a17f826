"""Two processes are one process that accumulates the same micro-batches."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nirgan.models.weights import read_weights

PROGRAM = Path(__file__).with_name("two_processes.py")
ENVIRONMENT = {
    key: value for key, value in os.environ.items() if key not in ("LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT")
}


def run(pairs: Path, out: Path, **settings: Any) -> dict[str, Any]:
    command = [sys.executable, str(PROGRAM), str(pairs), str(out), json.dumps(settings)]
    done = subprocess.run(
        command, env=ENVIRONMENT | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def logged(out: Path, tag: str) -> list[float]:
    return [float(row["value"]) for row in csv.DictReader((out / "metrics.csv").open()) if row["tag"] == tag]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(PROGRAM.parents[1] / "training"))
    from toy_training import write_pairs

    return write_pairs(tmp_path_factory.mktemp("pairs"))


def test_two_processes_equal_one_that_accumulates(pairs: Path, tmp_path: Path) -> None:
    settings = {
        "steps": 3,
        "options": {"noise": False},
        "logging": {"every_steps": 1, "samples_every_steps": 0},
        "ema": {"decay": 0.0},
    }
    two = run(pairs, tmp_path / "two", devices=2, batch_size=2, **settings)
    sys.path.insert(0, str(PROGRAM.parents[1] / "training"))
    from toy_training import toy_config

    from nirgan.monitoring.progress import Silent
    from nirgan.training import train

    one = train(toy_config(pairs, batch_size=2, accumulate=2, **settings), out=tmp_path / "one", progress=Silent())
    assert two["steps"] == one.steps == 3
    for tag in ("grad_norm/d", "grad_norm/g", "loss/d/gan", "loss/g/l1", "gan/d/separation"):
        ours, theirs = logged(tmp_path / "two", tag), logged(tmp_path / "one", tag)
        assert len(ours) == 3
        assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
        assert ours == pytest.approx(theirs, rel=1e-4)
    weights = [read_weights(tmp_path / name / "checkpoints/last/weights.safetensors")[1] for name in ("two", "one")]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=0, atol=1e-5)
    assert two["val"]["psnr"] == pytest.approx(one.val["psnr"], abs=0.05)


@pytest.mark.slow
def test_two_processes_resume_exactly_with_their_own_pools(pairs: Path, tmp_path: Path) -> None:
    settings = {"optimiser": {"schedule": "constant"}, "checkpoint": {"every_steps": 4}, "devices": 2}
    run(pairs, tmp_path / "whole", steps=8, **settings)
    run(pairs, tmp_path / "cut", steps=4, **settings)
    run(pairs, tmp_path / "cut", resume=True, steps=8)
    states = [torch.load(tmp_path / name / "checkpoints/last/state.pt", weights_only=True) for name in ("cut", "whole")]
    for name, value in states[0]["recipe"].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, states[1]["recipe"][name]), name
    pools = [state["processes"][1]["recipe"]["pool._extra_state"]["images"] for state in states]
    assert torch.equal(*pools)
    assert not torch.equal(pools[0], states[0]["recipe"]["pool._extra_state"]["images"])


@pytest.mark.slow
def test_the_command_line_starts_its_processes(tmp_path: Path) -> None:
    from toy_training import write_pairs

    pairs = write_pairs(tmp_path / "pairs", side=40)
    command = [sys.executable, "-m", "nirgan", "train", "--model", "pix2pix", "--preset", "tiny", "--data", str(pairs)]
    command += ["--steps", "2", "--device", "cpu", "--devices", "2", "--json"]
    command += ["--set", "validation.images=1", "--set", "logging.samples=1"]
    environment = ENVIRONMENT | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROGRAM.parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["steps"] == 2
    assert (tmp_path / result["run"] / "checkpoints" / "last" / "state.pt").is_file()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [Path(result["run"]).name]
    assert done.stderr.count("trains for 2 steps") == 1


@pytest.mark.slow
def test_what_the_lead_refuses_after_the_start_is_one_line(tmp_path: Path) -> None:
    from toy_training import write_pairs

    pairs = write_pairs(tmp_path / "pairs", side=40)
    common = [sys.executable, "-m", "nirgan", "train", "--model", "pix2pix", "--preset", "tiny", "--data", str(pairs)]
    common += ["--steps", "1", "--device", "cpu", "--set", "validation.images=1", "--set", "logging.samples=1"]
    environment = ENVIRONMENT | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROGRAM.parents[2])}

    def nirgan(*more: str) -> subprocess.CompletedProcess[str]:
        settings: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 240, "check": False}
        return subprocess.run([*common, *more], cwd=tmp_path, env=environment, **settings)

    assert nirgan("--out", "narrow", "--set", "options.width=4").returncode == 0
    refused = nirgan("--out", "wide", "--devices", "2", "--init-from", "narrow")
    assert refused.returncode == 2, refused.stderr
    assert refused.stderr.count("error: ") == 1, refused.stderr
    assert "do not fit" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "wide").exists()
