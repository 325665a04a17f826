"""The command line as a whole: fast to start, errors in one line, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def nirgan(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nirgan", *args], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("statement", ["import nirgan", "import nirgan.cli.app as a; a._add_commands()"])
def test_torch_is_not_imported_early(statement: str) -> None:
    heavy = "torch cv2 numpy albumentations kornia tifffile pydantic"
    code = f"{statement}; import sys; print([m for m in '{heavy}'.split() if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    result = nirgan("--help")
    assert result.returncode == 0
    for name in ("demo", "models", "data", "train", "translate", "evaluate", "compare"):
        assert name in result.stdout


def test_models_list_is_one_json_object() -> None:
    result = nirgan("models", "list", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert rows["pix2pix"]["tasks"] == ["nir2rgb", "gray2rgb"]
    assert rows["pix2pix"]["pairings"] == ["registered"]
    assert set(rows["asym-cyclegan"]["pairings"]) == {"registered", "unregistered", "unpaired"}
    assert rows["asym-cyclegan"]["paper"]


def test_models_show_counts_parameters() -> None:
    shown = json.loads(nirgan("models", "show", "pix2pix", "--json").stdout)
    assert shown["networks"]["generator"]["parameters"] == 54_411_907
    assert shown["networks"]["discriminator"]["parameters"] == 2_766_657
    assert shown["options"]["lambda_l1"] == 100


def test_an_unknown_model_is_one_line_without_traceback() -> None:
    result = nirgan("models", "show", "pix2pixx")
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "did you mean 'pix2pix'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--stepz", "3"], "--stepz"),
        (["train", "--steps", "many"], "--steps"),
        (["models", "show"], "NAME"),
    ],
)
def test_wrong_use_is_one_line_that_points_to_help(arguments: list[str], words: str) -> None:
    result = nirgan(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert "--help" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["models"], ["data"], ["translate"]])
def test_nothing_given_shows_the_help(arguments: list[str]) -> None:
    result = nirgan(*arguments)
    assert result.returncode == 2
    assert "Usage: nirgan" in result.stdout + result.stderr


LONG_WORK = """
import time, typer
from nirgan.cli.app import run

app = typer.Typer()

@app.command()
def work():
    try:
        print("at work", flush=True)
        time.sleep(600)
    finally:
        print("cleared up", flush=True)

run(app, "work")
"""


def test_sigterm_ends_a_command_in_order() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_WORK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (143, "cleared up\n", "")
