"""Samples that can be read, in as many passes as wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirgan.data.open import open_data
from nirgan.data.readable import ReadableSamples
from nirgan.errors import NirganError


def test_broken_files_are_left_out_of_every_pass_and_named_once(
    tmp_path: Path, write_pairs, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_pairs(tmp_path / "set", ["a", "b", "c"])
    (folder / "rgb" / "b.png").write_bytes(b"cut")
    data = open_data([str(folder)], task="nir2rgb", val_share=0, test_share=0)
    samples = ReadableSamples(data, data.sources("train"))
    for _ in range(2):
        assert [sample.key for sample in samples] == ["set/a", "set/c"]
    assert len(samples.failed) == len(caplog.messages) == 1
    assert "b.png" in samples.failed[0]


def test_nothing_readable_ends_it_with_the_first_reason(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "set", ["a", "b"])
    data = open_data([str(folder)], task="nir2rgb", val_share=0, test_share=0)
    for file in (folder / "rgb").iterdir():
        file.write_bytes(b"cut")
    with pytest.raises(NirganError, match=r"none of 2 pictures can be read, the first because: .*a\.png"):
        list(ReadableSamples(data, data.sources("train")))
