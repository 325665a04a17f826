"""``nirgan train``: flags, files, exit codes, one JSON object."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirgan.cli.app import main
from nirgan.config import check, read_yaml
from nirgan.config.schema import RunConfig

QUICK = ["--set", "validation.images=1", "--set", "logging.samples=1", "--device", "cpu"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs of 40 pixels."""
    from nirgan.data.files import write_picture

    folder, random = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for side in ("nir", "rgb"):
        (folder / side).mkdir()
        for index in range(12):
            grey = random.integers(0, 256, (40, 40, 1 if side == "nir" else 3), dtype=np.uint8)
            write_picture(folder / side / f"{index:02d}.png", np.broadcast_to(grey, (40, 40, 3)).copy())
    return folder


@pytest.fixture
def nirgan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the command line in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nirgan", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def tiny(pairs: Path, *more: str) -> list[str]:
    return ["train", "--model", "pix2pix", "--preset", "tiny", "--data", str(pairs), *QUICK, *more]


def config_of(run: str) -> RunConfig:
    return check(read_yaml(Path(run) / "config.yaml"), "x")


def test_json_and_resume(nirgan: Call, pairs: Path) -> None:
    code, out, _ = nirgan(*tiny(pairs, "--steps", "2", "--json"))
    result = json.loads(out)
    assert code == 0
    assert set(result) == {"run", "steps", "seconds", "images_per_s", "val"}
    assert result["steps"] == 2
    assert {"psnr", "psnr_gain", "ssim", "ae", "delta_e"} <= set(result["val"])
    assert Path(result["run"]).parent == Path("runs")
    assert Path(result["run"]).name.startswith("pix2pix-20")
    code, out, _ = nirgan("train", "--resume", "--steps", "3", "--json")
    assert (code, json.loads(out)["steps"], json.loads(out)["run"]) == (0, 3, result["run"])
    assert config_of(result["run"]).steps == 3
    code, out, err = nirgan("train", "--resume", "--batch-size", "3")
    assert (code, out) == (2, "")
    assert err.startswith("error: batch_size is 2 in ")
    assert "3 was given" in err
    assert err.count("\n") == 1


def test_words_for_people(nirgan: Call, pairs: Path) -> None:
    code, out, err = nirgan(*tiny(pairs, "--steps", "1", "--out", "here"))
    assert (code, out) == (0, "")
    assert "done: 1 steps" in err
    assert "tensorboard --logdir" in err
    code, _, err = nirgan(*tiny(pairs, "--steps", "1", "--out", "here"))
    assert code == 2
    assert "here: there is a run already" in err


def test_flags_go_over_set_and_file(nirgan: Call, pairs: Path) -> None:
    settings: dict[str, Any] = {"model": "pix2pix", "preset": "tiny", "epochs": 3, "seed": 5, "batch_size": 1}
    Path("run.yaml").write_text(json.dumps({**settings, "optimiser": {"lr": 0.5, "beta1": 0.1}}))
    code, out, _ = nirgan(
        "train", "--config", "run.yaml", "--set", "optimiser.lr=1e-4", "--set", "seed=6", "--seed", "7",
        "--data", pairs, "--steps", "1", *QUICK, "--json",
    )  # fmt: skip
    assert code == 0
    config = config_of(json.loads(out)["run"])
    assert (config.model, config.seed, config.batch_size) == ("pix2pix", 7, 1)
    assert (config.optimiser.lr, config.optimiser.beta1) == (1e-4, 0.1)
    assert (config.steps, config.epochs) == (1, None)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--model", "pix2pixx"], "did you mean 'pix2pix'?"),
        (["--set", "optimizer.lr=1"], "unknown key 'optimizer'; did you mean 'optimiser'?"),
        (["--steps", "3", "--minutes", "1"], "give one of steps, epochs and minutes"),
        (["--data", "nowhere"], "nowhere"),
        (["--precision", "16", "--device", "cpu"], "precision 16 needs a CUDA device"),
        (["--resume"], "no run to resume"),
        (["--resume", "--out", "nowhere"], "nowhere: no run to resume there"),
        (["--model", "pix2pix", "--set", "phases.discriminater.lr=1e-4"], "did you mean 'discriminator'?"),
        (["--model", "pix2pix", "--init-from", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_wrong_use_is_one_line_and_2(nirgan: Call, args: list[str], words: str) -> None:
    code, out, err = nirgan("train", *args)
    assert (code, out) == (2, "")
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_an_unreadable_picture_exits_with_1(nirgan: Call, pairs: Path, tmp_path: Path) -> None:
    import shutil

    broken = Path(shutil.copytree(pairs, tmp_path / "broken"))
    (broken / "split.csv").write_text(
        "set,name,category,scene,split\n"
        + "".join(f"broken,{i:02d},,,{'val' if i > 9 else 'train'}\n" for i in range(12))
    )
    (broken / "nir" / "04.png").write_bytes(b"no picture")
    code, out, err = nirgan(*tiny(broken, "--steps", "5", "--json"))
    assert code == 1
    assert json.loads(out)["steps"] == 5
    assert "04.png" in err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("devices", [1, 2])
def test_a_signal_saves_and_tells(pairs: Path, tmp_path: Path, number: int, code: int, devices: int) -> None:
    command = [sys.executable, "-m", "nirgan", *tiny(pairs, "--steps", "100000", "--out", "run")]
    command += ["--devices", str(devices), "--set", "logging.every_steps=1", "--set", "checkpoint.every_steps=100000"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = tmp_path / "run" / "metrics.csv"
    until = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") > 20) and time.monotonic() < until:
        time.sleep(0.1)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "go on with: nirgan train --resume --out run" in err
    assert "Traceback" not in err
    assert (tmp_path / "run" / "checkpoints" / "last" / "state.pt").is_file()
    assert everybody_left(process.pid)


def everybody_left(group: int) -> bool:
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_resuming_leaves_the_files_of_others_alone(nirgan: Call, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "metrics.csv").write_text("theirs")
    code, _, err = nirgan("train", "--resume", "--out", str(other))
    assert code == 2
    assert "no run to resume there" in err
    assert (other / "metrics.csv").read_text() == "theirs"


def test_a_limit_of_set_replaces_the_files(nirgan: Call, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("minutes: 25.0\n")
    code, out, _ = nirgan(*tiny(pairs, "--config", str(tmp_path / "run.yaml"), "--set", "steps=1", "--json"))
    assert code == 0
    assert json.loads(out)["steps"] == 1
