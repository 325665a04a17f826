"""Opening folders as data: recognition, pairing, refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from nirgan.data import Pairing, open_data
from nirgan.errors import NirganError

NAMES = [f"{i:04d}" for i in range(10)]


def test_nir_and_rgb_are_pairs_by_name(tmp_path: Path, write_pairs) -> None:
    data = open_data([str(write_pairs(tmp_path / "set", NAMES))], task="nir2rgb")
    assert [record.key for record in data.records()] == [f"set/{name}" for name in NAMES]
    assert data.pairing == Pairing.REGISTERED
    assert data.source_channels == 1
    assert "nir/ + rgb/" in data.layouts[0]
    sample = data.sample(data.records()[3])
    assert sample.source.shape == (1, 24, 32)
    assert sample.target is not None
    assert np.array_equal(sample.source[0], sample.target[1])
    assert sample.full_scale == 255


def test_suffixes_may_differ_in_kind_and_case(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a", "b"])
    (folder / "rgb" / "a.png").rename(folder / "rgb" / "a.PNG")
    (folder / "nir" / "Thumbs.db").write_bytes(b"x")
    (folder / "nir" / ".hidden.png").write_bytes(b"x")
    assert [record.name for record in open_data([str(folder)], task="nir2rgb").records()] == ["a", "b"]


def test_missing_partners_are_counted_and_named(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, NAMES)
    for name in NAMES[:7]:
        (folder / "rgb" / f"{name}.png").unlink()
    with pytest.raises(NirganError, match=r"7 pictures have no partner .*0000\.png.*0004\.png, ….*--pairing unpaired"):
        open_data([str(folder)], task="nir2rgb")


def test_unpaired_takes_sides_apart(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "s", NAMES)
    (folder / "rgb" / "0000.png").unlink()
    data = open_data([str(folder)], task="nir2rgb", pairing="unpaired")
    assert (len(data.sources()), len(data.targets()), len(data.pairs())) == (10, 9, 0)
    assert data.sources()[0].key == "s/source/0000"
    assert data.targets()[0].key == "s/target/0001"
    split_of = {record.name.split("/")[1]: record.split for record in data.sources()}
    assert all(split_of[record.name.split("/")[1]] == record.split for record in data.targets())
    assert data.sources("train")
    assert data.targets("train")


def test_gray2rgb_takes_the_colour_side(tmp_path: Path, write_pairs) -> None:
    from skimage.color import rgb2lab

    folder = write_pairs(tmp_path, ["a", "b", "c"])
    (folder / "nir" / "a.png").unlink()
    data = open_data([str(folder)], task="gray2rgb")
    sample = data.sample(data.records()[0])
    assert sample.target is not None
    expected = rgb2lab(sample.target.permute(1, 2, 0).numpy())[..., 0] / 100
    assert np.abs(sample.source[0].numpy() - expected).max() < 1e-4


def test_colour_photographs_are_for_gray2rgb(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a", "b"]) / "rgb"
    assert len(open_data([str(folder)], task="gray2rgb").records()) == 2
    with pytest.raises(NirganError, match=r"no NIR pictures.*gray2rgb"):
        open_data([str(folder)], task="nir2rgb")


def test_pairs_and_loose_colour_pictures_together_are_unpaired(tmp_path: Path, write_pairs) -> None:
    pairs = write_pairs(tmp_path / "pairs", NAMES)
    online = write_pairs(tmp_path / "online", NAMES) / "rgb"
    data = open_data([str(pairs), str(online)], task="nir2rgb")
    assert data.pairing == Pairing.UNPAIRED
    assert (len(data.sources()), len(data.targets()), len(data.pairs())) == (10, 20, 10)


def test_sets_of_one_name_get_numbers(tmp_path: Path, write_pairs) -> None:
    specs = [str(write_pairs(tmp_path / where / "same", ["x"])) for where in ("one", "two")]
    data = open_data(specs, task="nir2rgb")
    assert [record.key for record in data.records()] == ["same-2/x", "same/x"]


def test_wrong_folders_are_refused_in_words(tmp_path: Path, write_pairs) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("x")
    for spec, words in {
        "absent": "no such folder and no such card",
        "empty": "the folder is empty",
        "file.txt": "that is a file",
        "text": "no pictures in a known layout",
    }.items():
        with pytest.raises(NirganError, match=words):
            open_data([str(tmp_path / spec)], task="nir2rgb")


def test_two_files_of_one_name_are_reported(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a", "b"])
    (folder / "nir" / "a.jpg").write_bytes((folder / "nir" / "a.png").read_bytes())
    problem = open_data([str(folder)], task="nir2rgb").problems[0]
    assert problem.kind == "several files with one name"
    assert sorted(Path(file).name for file in problem.files) == ["a.jpg", "a.png"]


def test_a_pair_of_two_sizes_is_refused_when_read(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a"])
    (folder / "nir" / "a.png").write_bytes(
        (write_pairs(tmp_path / "o", ["a"], width=20) / "nir" / "a.png").read_bytes()
    )
    data = open_data([str(folder)], task="nir2rgb")
    with pytest.raises(NirganError, match=r"two sizes.*20×24 and 32×24.*unregistered"):
        data.sample(data.records()[0])


def test_built_in_scenes_need_no_files() -> None:
    data = open_data([], task="nir2rgb", seed=3)
    assert data.layouts[0].startswith("synthetic: ")
    assert len({record.key for record in data.records()}) == len(data.records())
    sample = data.sample(data.records("val")[0])
    assert sample.target is not None
    assert sample.source.shape[1:] == sample.target.shape[1:]
    assert min(sample.source.shape[1:]) >= 256


def test_fingerprint_follows_every_byte_of_a_splits_files(tmp_path: Path, write_pairs) -> None:
    folder = str(write_pairs(tmp_path, NAMES))
    first = open_data([folder], task="nir2rgb").fingerprint()
    assert open_data([folder], task="nir2rgb").fingerprint() == first
    assert open_data([folder], task="nir2rgb", seed=1).fingerprint() != first
    data = open_data([folder], task="nir2rgb")
    of_split = {split: data.fingerprint(split) for split in ("train", "test")}
    file = data.records("test")[0].target
    assert file is not None
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # as large as before
    file.write_bytes(content)
    assert data.fingerprint() != first
    assert data.fingerprint("test") != of_split["test"]
    assert data.fingerprint("train") == of_split["train"]
    file.unlink()
    assert data.fingerprint("test") not in of_split.values()


def test_splits_are_made_only_where_they_are_wanted(tmp_path: Path, write_pairs) -> None:
    loose = write_pairs(tmp_path / "loose", NAMES)
    for split in ("train", "test"):
        write_pairs(tmp_path / "split" / split, NAMES)
    data = open_data([str(loose), str(tmp_path / "split")], task="nir2rgb", make_split=False)
    assert [len(data.records(split)) for split in ("train", "val", "test", "all")] == [10, 0, 10, 30]
    assert not data.warn_if_split_made


def test_a_source_that_needs_a_band_stops_opening_at_once(
    tmp_path: Path, write_pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nirgan.data import pictures

    folder = write_pairs(tmp_path, NAMES)
    for name in NAMES:
        (folder / "nir" / f"{name}.png").write_bytes((folder / "rgb" / f"{name}.png").read_bytes())
    read = []
    original = pictures.read_picture
    monkeypatch.setattr(pictures, "read_picture", lambda path, **k: read.append(path) or original(path, **k))
    with pytest.raises(NirganError, match=r"0000\.png: its three channels differ.*--band"):
        open_data([str(folder)], task="nir2rgb")
    assert len(read) == 1
    assert open_data([str(folder)], task="nir2rgb", band=2).source_channels == 1
    assert open_data([str(folder)], task="nir2rgb", count_channels=False).source_channels == 1
    assert len(read) == 2


def test_real_training_pool_keeps_its_split(real_data: Path) -> None:
    data = open_data([str(real_data / "nir-train")], task="nir2rgb")
    assert [len(data.records(split)) for split in ("train", "val", "test")] == [270, 28, 59]
    with (real_data / "nir-train" / "split.csv").open() as file:
        rows = {f"{row['set']}/{row['name']}": row for row in csv.DictReader(file)}
    for record in data.records():
        row = rows[record.key]
        assert (record.split, record.scene, record.category) == (row["split"], row["scene"], row["category"])
    assert not data.warn_if_split_made
    assert not data.problems


def test_real_three_channel_nir_is_one_channel(real_data: Path) -> None:
    data = open_data([str(real_data / "nir-unregistered")], task="nir2rgb", pairing="unregistered")
    assert data.source_channels == 1
    assert data.pairing == Pairing.UNREGISTERED


def test_open_does_not_read_pictures_but_one(tmp_path: Path, write_pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirgan.data import pictures

    folder = write_pairs(tmp_path, NAMES)
    read = []
    original = pictures.read_picture
    monkeypatch.setattr(pictures, "read_picture", lambda path, **k: read.append(path) or original(path, **k))
    open_data([str(folder)], task="nir2rgb")
    assert read == [folder / "nir" / "0000.png"]


def test_a_broken_first_file_does_not_stop_opening(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, NAMES)
    (folder / "nir" / "0000.png").write_bytes(b"broken")
    assert open_data([str(folder)], task="nir2rgb").source_channels == 1
    for name in NAMES:
        (folder / "nir" / f"{name}.png").write_bytes(b"broken")
    with pytest.raises(NirganError, match=r"no source can be read.*0000\.png"):
        open_data([str(folder)], task="nir2rgb")
