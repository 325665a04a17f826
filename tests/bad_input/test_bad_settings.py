"""Settings files and flags that are wrong, or made to do harm."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from bad_files import QUICK
from command_line import Nirgan

BOMB = "".join(
    f"{name}: &{name} [{', '.join([f'*{before}' if before else 'x'] * 10)}]\n"
    for before, name in zip(("", *"abcdefgh"), "abcdefghi", strict=True)
)
"""Nine lines that stand for a billion values."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle: pix2pix", "run.yaml: unknown key 'modle'; did you mean 'model'?"),
        ("logging: {every_stepz: 3}", "did you mean 'logging.every_steps'?"),
        ("steps: many", "run.yaml: steps is 'many': "),
        ("crop: 2.5", "run.yaml: crop is 2.5: "),
        ("data: pairs", "run.yaml: data is 'pairs': "),
        ("options: {width: {1: 2}}", "option 'width' is {1: 2}"),
        ("phases: {generator: 3}", "run.yaml: phases.generator is 3: "),
        ("seed: 2024-13-45", "run.yaml: not plain YAML"),
        ("- 1\n- 2", "run.yaml: must hold 'key: value' lines"),
        ("a: [1", "run.yaml: not plain YAML"),
        ("options: " + "[" * 5000, "run.yaml: not plain YAML"),
        ("steps: " + "9" * 5000, "run.yaml: not plain YAML"),
        ("data: [" + "x" * 5000 + ", 1]", "run.yaml: data.1 is 1: "),
        ("init_from: [" + "x" * 5000 + "]", "run.yaml: init_from is ['xxx"),
    ],
)
def test_wrong_settings_are_one_line(nirgan: Nirgan, text: str, words: str) -> None:
    Path("run.yaml").write_text(f"{text}\n")
    assert words in nirgan("train", "--model", "pix2pix", *QUICK, "--config", "run.yaml").refused
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch marker']",
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [marker]]",
        "!!python/object/new:subprocess.Popen [[touch, marker]]",
    ],
)
def test_yaml_that_would_run_code_is_refused_and_not_run(nirgan: Nirgan, tag: str) -> None:
    Path("run.yaml").write_text(f"options: {tag}\n")
    assert "run.yaml: not plain YAML" in nirgan("train", "--config", "run.yaml").refused
    assert "not plain YAML" in nirgan("train", "--set", f"options={tag}").refused
    time.sleep(0.2)  # a process that was started would take a moment
    assert not Path("marker").exists()


def test_yaml_that_would_fill_the_memory_is_refused_at_once(nirgan: Nirgan) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for key in ("data", "options", "init_from", "phases"):
        Path("run.yaml").write_text(f"{BOMB}{key}: *i\n")
        words = nirgan("train", "--config", "run.yaml").refused
        assert "the alias *a stands for a value given elsewhere: write the value out" in words
    flow = BOMB.replace("\n", ", ")
    assert "not plain YAML" in nirgan("train", "--set", f"options={{{flow} j: *i}}").refused
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_text(nirgan: Nirgan, content: bytes | None) -> None:
    if content is None:
        Path("run.yaml").mkdir()
    else:
        Path("run.yaml").write_bytes(content)
    assert "run.yaml: " in nirgan("train", "--config", "run.yaml").refused
    assert "nowhere.yaml: cannot be read" in nirgan("train", "--config", "nowhere.yaml").refused


def test_a_home_folder_of_nobody(nirgan: Nirgan) -> None:
    assert "~nobody-at-all/pairs" in nirgan("train", "--data", "~nobody-at-all/pairs").refused
    assert "~nobody-at-all/pairs" in nirgan("data", "inspect", "~nobody-at-all/pairs").refused
