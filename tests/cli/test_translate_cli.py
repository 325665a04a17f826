"""``nirgan translate``: options, exit codes, what stands on stdout and stderr."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
import typer

from nirgan.cli import translate as translate_command
from nirgan.models import create_model
from nirgan.models.weights import WeightsInfo, save_weights

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def save_tiny(path: Path, model: str, **options: object) -> Path:
    """Weights of a small untrained network."""
    recipe = create_model(model, crop=32, **options)
    with torch.no_grad():
        for weight in recipe.parameters():  # fresh weights are so small that every picture comes out grey
            weight *= 20
    state = recipe.state_dict()
    info = WeightsInfo(model=model, task="nir2rgb", crop=32, options=options)
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, info)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder: a run, weights of a model with dropout, and pictures in `nir/`."""
    there = tmp_path_factory.mktemp("work")
    save_tiny(
        there / "runs" / "first" / "checkpoints" / "best" / "weights.safetensors", "asym-cyclegan", width=4, n_res=1
    )
    save_tiny(there / "noisy.safetensors", "pix2pix", width=4, levels=5)
    (there / "nir").mkdir()
    rng = np.random.default_rng(0)
    cv2.imwrite(str(there / "nir" / "a.png"), rng.integers(0, 256, (33, 41), dtype=np.uint8))
    tifffile.imwrite(there / "nir" / "b.tif", rng.integers(0, 65536, (20, 31), dtype=np.uint16))
    (there / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return there


@pytest.fixture
def translate(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Run the command in the working folder, in this process; gives (exit code, stdout, stderr)."""
    from nirgan.cli import app
    from nirgan.inference import find

    monkeypatch.setattr(find, "SHIPPED", folder / "nothing")  # what ships would stand in for what is not trained

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["nirgan", "translate", *args])
        with pytest.raises(SystemExit) as stopped:
            app.main()
        captured = capfd.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


def test_without_a_flag_the_newest_run_translates_a_folder(translate, folder: Path) -> None:
    code, out, err = translate("nir")
    assert code == 0
    assert out == ""
    assert "2 pictures -> translated (asym-cyclegan" in err
    assert cv2.imread(str(folder / "translated" / "a.png"), cv2.IMREAD_UNCHANGED).shape == (33, 41, 3)
    written = tifffile.imread(folder / "translated" / "b.tif")
    assert (written.shape, written.dtype) == ((20, 31, 3), np.uint16)
    code, _, err = translate("nir")
    assert code == 0
    assert "2 were there before" in err


def test_saturation_changes_colour_alone(translate, folder: Path) -> None:
    factors = ("0", "0.5", "1")
    for factor in factors:
        assert translate("nir/a.png", "--saturation", factor, "--out", f"factor-{factor}")[0] == 0
    grey, pale, plain = (
        cv2.cvtColor(cv2.imread(str(folder / f"factor-{factor}" / "a.png")).astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        for factor in factors
    )
    assert max(np.abs(other[..., 0] - plain[..., 0]).max() for other in (grey, pale)) < 0.6
    chroma = [np.hypot(picture[..., 1], picture[..., 2]).mean() for picture in (grey, pale, plain)]
    assert chroma[0] < 0.05
    assert chroma[1] == pytest.approx(chroma[2] / 2, rel=0.03)
    assert chroma[2] > 5


def test_json_is_one_object_and_the_rest_is_on_stderr(translate, tmp_path: Path) -> None:
    code, out, err = translate("nir", "broken.png", "--out", str(tmp_path), "--json", "--tile", "32")
    assert code == 1
    result = json.loads(out)
    assert set(result) == {"written", "skipped", "failed", "images_per_s"}
    assert [Path(path).name for path in result["written"]] == ["a.png", "b.tif"]
    assert result["failed"][0]["path"] == "broken.png"
    assert result["failed"][0]["error"]
    assert result["images_per_s"] > 0
    assert "failed: broken.png" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("missing.png",), "missing.png: no such file"),
        (("broken.png",), "broken.png: "),
        (("nir", "--weights", "runs/frist"), "did you mean 'runs/first'"),
        (("nir", "--task", "gray2rgb"), "nothing is trained yet for the task gray2rgb"),
        (("nir", "--tile", "small"), "--tile is 'small'"),
        (("nir", "--depth", "12"), "--depth is '12'"),
        (("nir", "--saturation", "-1"), "saturation is -1.0, but must be from 0 (grey) to 10"),
        (("nir", "--format", "gif"), "format 'gif'"),
        (("nir", "--depth", "16", "--format", "jpeg"), "JPEG holds 8 bits"),
        (("nir", "--device", "tpu"), "device 'tpu'"),
        (("nir", "--tiel", "64"), "no option '--tiel'; did you mean '--tile'?"),
        (("nir", "--noise-seed", "1"), "no option '--noise-seed'"),
        (("nir", "--overwrit"), "no option '--overwrit'"),
        (("nir", "--samples", "2"), "leave out --samples"),
        (("nir", "--seed", "2"), "leave out --seed"),
        (("nir", "--full-scale", "-1"), "full scale"),
        (("nir/a.png", "--out", "nir", "--overwrite"), "would replace this input"),
        (("nir", "--out", "/proc/none"), "cannot be made"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(translate, folder: Path, args: tuple[str, ...], words: str) -> None:
    out_given = () if "--out" in args else ("--out", "elsewhere")
    code, out, err = translate(*args, *out_given)
    assert code == 2
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("error:")]) == 1
    assert not list(folder.glob("elsewhere/*"))


def test_options_of_the_model(translate, folder: Path, tmp_path: Path) -> None:
    common = ("nir/a.png", "--weights", "noisy.safetensors", "--depth", "16")
    assert translate(*common, "--out", str(tmp_path / "one"), "--noise-seed", "3")[0] == 0
    assert translate(*common, "--out", str(tmp_path / "two"), "--noise-seed=3")[0] == 0
    assert translate(*common, "--out", str(tmp_path / "three"), "--samples", "2", "--seed", "3")[0] == 0
    read = [(tmp_path / name).read_bytes() for name in ("one/a.png", "two/a.png", "three/a-1.png", "three/a-2.png")]
    assert read[0] == read[1] == read[2] != read[3]
    code, _, err = translate(*common, "--noise-seed", "x")
    assert code == 2
    assert "--noise-seed is 'x'" in err
    code, _, err = translate(*common, "--noise-sed", "3")
    assert code == 2
    assert "did you mean '--noise-seed'" in err


def test_names_that_shells_dislike(translate, folder: Path, tmp_path: Path) -> None:
    strange = tmp_path / 'it\'s a "picture"\nдве\tстроки.png'
    strange.write_bytes((folder / "nir" / "a.png").read_bytes())
    code, out, _ = translate(str(strange), "--out", str(tmp_path / "out"), "--json")
    assert code == 0
    assert json.loads(out)["written"] == [str(tmp_path / "out" / strange.name)]
    assert (tmp_path / "out" / strange.name).is_file()


def test_names_that_are_no_utf_8(translate, folder: Path, tmp_path: Path) -> None:
    latin = tmp_path / os.fsdecode(b"caf\xe9.png")
    latin.write_bytes((folder / "nir" / "a.png").read_bytes())
    broken = tmp_path / os.fsdecode(b"br\xf6ken.png")
    broken.write_bytes(b"no picture")
    code, out, err = translate(str(latin), str(broken), "--out", str(tmp_path / "out"), "--json")
    assert code == 1
    result = json.loads(out)
    assert [os.fsencode(path) for path in result["written"]] == [os.fsencode(tmp_path / "out") + b"/caf\xe9.png"]
    assert Path(result["written"][0]).is_file()
    assert os.fsencode(result["failed"][0]["path"]) == os.fsencode(broken)
    assert r"br\udcf6ken.png: " in err


def test_a_line_break_in_a_name_makes_no_second_line(translate, tmp_path: Path) -> None:
    broken = tmp_path / "a\nerror: b\x1b[2J.png"
    broken.write_bytes(b"no picture")
    (line,) = [line for line in translate(str(broken))[2].splitlines() if "error: " in line]
    assert line.startswith(f"error: {tmp_path}/a\\nerror: b\\x1b[2J.png: ")
    code, _, err = translate("nir", str(broken), "--out", str(tmp_path / "out"))
    assert code == 1
    (line,) = [line for line in err.splitlines() if "error: " in line]
    assert line.startswith(f"failed: {tmp_path}/a\\nerror: b")


@pytest.mark.slow
def test_two_processes_share_the_files_and_the_first_speaks(
    translate, two_processes, folder: Path, tmp_path: Path
) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for index in range(5):
        (inputs / f"{index}.png").write_bytes((folder / "nir" / "a.png").read_bytes())
    (inputs / "2.png").write_bytes(b"no picture")
    args = (str(inputs), "missing.png", "--out", str(out), "--json")
    code, alone, _ = translate(*args)
    assert code == 1
    shutil.rmtree(out)
    (code, first, _), (other, second, _) = two_processes("translate", *args, cwd=folder)
    assert (code, other, second) == (1, 0, "")
    ours, theirs = json.loads(first), json.loads(alone)
    assert ours.pop("images_per_s") > 0
    del theirs["images_per_s"]
    assert ours == theirs
    assert len(ours["written"]) == 4
    assert len(ours["failed"]) == 2


@pytest.mark.parametrize(("kind", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_whole_files_and_their_exit_code(
    folder: Path, tmp_path: Path, kind: signal.Signals, code: int
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for index in range(400):
        (many / f"{index:03d}.png").write_bytes((folder / "nir" / "a.png").read_bytes())
    out = tmp_path / "out"
    command = [sys.executable, "-m", "nirgan", "translate", str(many), "--out", str(out)]
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    written = sorted(out.iterdir())
    assert 0 < len(written) < 400
    assert all(path.suffix == ".png" and not path.name.startswith(".") for path in written)
    assert all(cv2.imread(str(path)).shape == (33, 41, 3) for path in written)


def test_a_signal_that_a_callback_swallows_still_counts() -> None:
    def work() -> None:
        with translate_command._clean_exit() as check:
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)  # cut short
            check()

    with pytest.raises(typer.Exit) as ended:
        work()
    assert ended.value.exit_code == 130
