"""Inspection finds what was broken on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.optimize

from nirgan.data.bands import SIDECAR
from nirgan.data.files import Picture
from nirgan.data.index import Data, Record
from nirgan.data.inspect import inspect
from nirgan.data.inspection.full_scale import FullScale, full_scales
from nirgan.data.inspection.look import SideLook, look_at_side
from nirgan.data.inspection.mixture import mixture
from nirgan.data.inspection.report import facts, report
from nirgan.data.inspection.survey import survey
from nirgan.data.pictures import Side, read_side
from nirgan.data.synth import write_scenes


def test_a_clean_folder(tmp_path: Path, write_pairs) -> None:
    result = inspect([str(write_pairs(tmp_path, ["a", "b", "c"]))])
    assert result == {"layout": "nir/ + rgb/ with the same names", "pairing": "registered", "count": 3, "problems": []}


def test_bands_are_told_and_doubted(tmp_path: Path, write_pairs) -> None:
    day, night = (write_pairs(tmp_path / name, ["a", "b"]) for name in ("day", "night"))
    assert look_into(day)["wavelength"] is None
    (day / SIDECAR).write_text("wavelength: 850")
    assert look_into(day)["wavelength"] == "850nm"
    for line, words in (
        ("", "a band (850 nm) that only some sources are said to be of"),
        ("wavelength: 940", "several bands (850 nm, 940 nm)"),
        ("wavelength: red", f"{night / SIDECAR}: wavelength: 'red' is no band"),
    ):
        (night / SIDECAR).write_text(line)
        (problem,) = inspect([str(day), str(night)])["problems"]
        assert problem["kind"].startswith(words)


def test_problems_are_counted_and_named(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "set", ["a", "b", "c", "d"])
    small = write_pairs(tmp_path / "small", ["a"], width=20)
    (folder / "rgb" / "a.png").unlink()
    (folder / "nir" / "b.png").write_bytes(b"no picture")
    (folder / "nir" / "c.png").write_bytes((small / "nir" / "a.png").read_bytes())
    (folder / "rgb" / "d.jpg").write_bytes((folder / "rgb" / "d.png").read_bytes())
    (folder / "split.csv").write_text("set,name,split\nset,a,train\nset,b,train\nset,c,val\nset,d,test\nset,e,test\n")
    result = inspect([str(folder)])
    assert result["count"] == 3
    found = {problem["kind"]: problem["files"] for problem in result["problems"]}
    assert found["missing partner"] == [str(folder / "nir" / "a.png")]
    assert found["unreadable"] == [str(folder / "nir" / "b.png")]
    assert found["different sizes"] == [str(folder / "nir" / "c.png")]
    assert found["several files with one name"] == [str(folder / "rgb" / "d.jpg"), str(folder / "rgb" / "d.png")]
    assert found["in split.csv but not in the data"] == ["set/e"]


def test_a_broken_file_with_both_sides_counts_once(tmp_path: Path, write) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.png", np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8))
    (tmp_path / "b.png").write_bytes(b"no picture")
    problems = inspect([f"sidebyside:{tmp_path}"])["problems"]
    assert problems == [{"kind": "unreadable", "count": 1, "files": [str(tmp_path / "b.png")]}]


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_cut_files_are_found(tmp_path: Path, write_pairs, write, suffix: str) -> None:
    folder = write_pairs(tmp_path, ["a", "b"])
    (folder / "nir" / "b.png").unlink()
    cut = folder / "nir" / f"b.{suffix}"
    write(cut, np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8))
    assert inspect([str(folder)])["problems"] == []
    cut.write_bytes(cut.read_bytes()[:-20])
    assert inspect([str(folder)])["problems"] == [{"kind": "unreadable", "count": 1, "files": [str(cut)]}]


def test_unpaired_folders_count_pictures(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a", "b", "c"])
    (folder / "nir").rename(tmp_path / "A")
    (folder / "rgb").rename(tmp_path / "B")
    (tmp_path / "B" / "b.png").unlink()
    result = inspect([str(tmp_path)])
    assert (result["pairing"], result["count"], result["problems"]) == ("unpaired", 5, [])


# What follows decodes.


def kinds(result: dict[str, Any]) -> dict[str, list[str]]:
    return {problem["kind"]: [Path(file).stem for file in problem["files"]] for problem in result["problems"]}


def look_into(folder: Path, **options: Any) -> dict[str, Any]:
    return report(survey([str(folder)], **options))


def side_look(pixels: np.ndarray, **facts: Any) -> SideLook:
    return look_at_side(Picture(pixels, **facts), "source")


def scale_of(*pictures: np.ndarray, **facts: Any) -> FullScale:
    (scale,) = full_scales([side_look(pixels, **facts) for pixels in pictures]).values()
    return scale


def levels(largest: int, step: int = 1, dtype: type = np.uint16) -> np.ndarray:
    """(64, 64, 1): 0 and some thousand values, one of them the largest."""
    values = np.random.default_rng(0).integers(0, largest // step + 1, (64, 64, 1)) * step
    values[0, 0], values[0, 1] = 0, largest
    return values.astype(dtype)


@pytest.mark.parametrize(
    ("pixels", "bits", "shift", "white", "reached", "to_say"),
    [
        (levels(255, dtype=np.uint8), 8, 0, 255, True, False),
        (levels(100, dtype=np.uint8), 8, 0, 255, False, False),
        (levels(255), 8, 0, 255, True, True),
        (levels(1023), 10, 0, 1023, True, True),
        (levels(4095), 12, 0, 4095, True, True),
        (levels(3900), 12, 0, 4095, False, True),
        (levels(16383), 14, 0, 16383, True, True),
        (levels(59_000), 16, 0, 65535, False, False),
        (levels(65_520, step=16), 12, 4, 65520, True, False),  # 12 bits at the top of 16: hardly less than 65535
        (levels(16_380, step=4), 12, 2, 16380, True, True),
        (levels(40_960, step=8192), 16, 0, 65535, False, False),  # six values are a drawing, not a shifted sensor
    ],
)
def test_full_scale_by_what_the_values_fill(
    pixels: np.ndarray, bits: int, shift: int, white: float, reached: bool, to_say: bool
) -> None:
    scale = scale_of(pixels)
    assert (scale.bits, scale.shift, scale.white, scale.reached, scale.to_say) == (bits, shift, white, reached, to_say)


def test_full_scale_is_that_of_the_whole_set() -> None:
    scale = scale_of(levels(900), levels(4095), levels(200))
    assert (scale.count, scale.largest, scale.white) == (3, 4095, 4095)
    assert scale_of(levels(4092, step=4), levels(4093)).shift == 0


def test_full_scale_that_the_files_tell_is_not_to_say() -> None:
    assert not scale_of(levels(4095), full_scale=4095.0).to_say
    assert not scale_of(levels(32_000), type_maximum=32767.0).to_say


def test_full_scale_of_float_files() -> None:
    unit = levels(255).astype(np.float32) / 255
    assert (scale_of(unit).white, scale_of(unit).to_say) == (1.0, False)
    assert (scale_of(unit * 100).white, scale_of(unit * 100).to_say) == (None, True)


def test_black_pictures_say_nothing() -> None:
    scale = scale_of(np.zeros((8, 8, 1), np.uint16))
    assert (scale.white, scale.to_say) == (65535.0, False)


def photo(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    """RGB with soft detail, from 1 to 254."""
    coarse = np.random.default_rng(seed).normal(size=(height // 8, width // 8, 3)).astype(np.float32)
    wide = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 35 * wide, 1, 254).astype(np.uint8)


def near_infrared(seed: int) -> np.ndarray:
    """Mostly the red of the photo, partly something else."""
    return (0.75 * photo(seed)[..., 0] + 0.25 * photo(seed + 100)[..., 0]).astype(np.uint8)


@pytest.mark.parametrize("weights", [(0.5, 0.0, 0.0), (0.2, 0.3, 0.1), (0.6, 0.0, -0.5), (-0.3, -0.3, -0.3)])
def test_mixture_is_what_scipy_says(weights: tuple[float, float, float]) -> None:
    target = photo(0).transpose(2, 0, 1).astype(np.float32) / 255
    source = np.random.default_rng(1).random(target.shape[1:], dtype=np.float32) * 0.3
    source = source + np.tensordot(np.float32(weights), target, axes=1)
    found = mixture(source, target)
    assert found is not None
    luma = np.tensordot([0.299, 0.587, 0.114], target, axes=1)
    columns = target.reshape(3, -1).T - target.mean(axis=(1, 2))
    centred = source.ravel() - source.mean()
    _, left = scipy.optimize.nnls(columns.astype(np.float64), centred.astype(np.float64))
    correlation, fit, residual = found
    assert correlation == pytest.approx(np.corrcoef(source.ravel(), luma.ravel())[0, 1], abs=1e-4)
    assert residual == pytest.approx(left / np.sqrt(source.size), rel=1e-3)
    assert fit == pytest.approx(np.sqrt(max(0, 1 - left**2 / np.sum(centred**2))), abs=1e-3)


def test_mixture_of_pictures_of_one_value_is_unknown() -> None:
    target = photo(0).transpose(2, 0, 1).astype(np.float32) / 255
    assert mixture(np.full(target.shape[1:], 0.5, np.float32), target) is None
    assert mixture(target[0], np.full_like(target, 0.5)) is None


def test_grey_rgb_that_poses_as_nir(tmp_path: Path, write) -> None:
    for number, name in enumerate(["rec601", "red", "mean", "jpeg", "sky", "nir", "dark"]):
        rgb = photo(number)
        grey = {
            "rec601": cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY),
            "red": rgb[..., 0],
            "mean": rgb.mean(axis=2).astype(np.uint8),
            "jpeg": cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY),
            "sky": np.clip(128 + (rgb[..., 0] - 128.0) * 0.5 - (rgb[..., 2] - 128.0) * 0.5, 0, 255).astype(np.uint8),
            "nir": np.clip(rgb[..., 1] * 0.8 + photo(number + 50)[..., 0] * 0.2, 0, 255).astype(np.uint8),
            "dark": (rgb[..., 1] * 0.02 + photo(number + 50)[..., 0] * 0.02).astype(np.uint8),
        }[name]
        write(tmp_path / "nir" / f"{name}.{'jpg' if name == 'jpeg' else 'png'}", grey)
        write(tmp_path / "rgb" / f"{name}.png", rgb)
    assert sorted(kinds(look_into(tmp_path))["grey as NIR"]) == ["jpeg", "mean", "rec601", "red"]


def test_what_pictures_alone_can_tell(tmp_path: Path, write) -> None:
    for number, name in enumerate(["good", "burnt", "blank", "coloured", "grey", "greyish", "wide", "broken"]):
        source, target = near_infrared(number), photo(number)
        if name == "burnt":
            source[:10] = 255  # of 96 rows
        if name == "blank":
            source[:] = 90
        if name == "greyish":  # as JPEG leaves it
            target = target[..., :1] + np.uint8([0, 2, 1])
        if name == "wide":
            source = source[:, :100]
        write(tmp_path / "nir" / f"{name}.png", photo(number + 20) if name == "coloured" else source)
        write(tmp_path / "rgb" / f"{name}.png", target[..., 0] if name == "grey" else target)
    broken = tmp_path / "nir" / "broken.png"
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 255  # its header is whole
    broken.write_bytes(content)
    assert inspect([str(tmp_path)])["problems"] == [
        {"kind": "different sizes", "count": 1, "files": [str(tmp_path / "nir" / "wide.png")]}
    ]
    result = look_into(tmp_path)
    found = kinds(result)
    assert found == {
        "unreadable": ["broken"],
        "different sizes": ["wide"],
        "different channels": ["coloured"],
        "no colour": ["grey", "greyish"],
        "alignment unclear": ["coloured"],  # its partner is another photo
        "saturated": ["burnt"],
        "blank": ["blank"],
    }
    assert list(found)[:3] == ["unreadable", "different sizes", "different channels"]  # the worst first
    files = {problem["kind"]: problem["files"] for problem in result["problems"]}
    assert files["no colour"] == [str(tmp_path / "rgb" / "grey.png"), str(tmp_path / "rgb" / "greyish.png")]
    assert files["saturated"] == [str(tmp_path / "nir" / "burnt.png")]
    assert result["failed"][0].startswith(f"{broken}: ")
    assert set(result["advice"]) == set(found)
    assert result["count"] == 8
    assert result["sides"]["source"]["count"] == 7
    assert result["sides"]["source"]["smallest"] == [100, 96]
    assert result["sides"]["target"]["sizes"] == [{"width": 128, "height": 96, "count": 8}]


def test_twelve_bits_in_sixteen(tmp_path: Path, write) -> None:
    for number, name in enumerate("ab"):
        write(tmp_path / "nir" / f"{name}.png", near_infrared(number).astype(np.uint16) * 16 + 15)
        write(tmp_path / "rgb" / f"{name}.png", photo(number))
    brightest = np.full((96, 128), 4095, np.uint16)
    brightest[:50] = 7
    write(tmp_path / "nir" / "b.png", brightest)
    result = look_into(tmp_path)
    assert kinds(result)["full scale"] == ["a", "b"]
    assert result["advice"]["full scale"] == "source: uint16 values end at 4095 (12 bits): --full-scale 4095"
    assert "holding 12 bits" in dict(facts(result))["source"]


def test_copies_and_leaks(tmp_path: Path, write) -> None:
    names = ["a", "copy", "resized", "b", "alone"]
    for number, name in enumerate(names):
        write(tmp_path / "set" / "nir" / f"{name}.png", near_infrared(number))
        write(tmp_path / "set" / "rgb" / f"{name}.png", photo(number))
    for side in ("nir", "rgb"):
        folder = tmp_path / "set" / side
        (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
        original = cv2.imread(str(folder / "b.png"), cv2.IMREAD_UNCHANGED)
        assert cv2.imwrite(str(folder / "resized.png"), cv2.resize(original, (96, 72), interpolation=cv2.INTER_AREA))
    splits = {"a": "train", "copy": "test", "resized": "train", "b": "val", "alone": "test"}
    rows = "".join(f"set,{name},{split}\n" for name, split in splits.items())
    (tmp_path / "set" / "split.csv").write_text(f"set,name,split\n{rows}")
    result = look_into(tmp_path / "set")
    assert result["copies"] == {"exact": [["set/a", "set/copy"]], "near": [["set/b", "set/resized"]]}
    found = kinds(result)
    assert found["exact duplicates"] == ["a", "copy"]
    assert found["near duplicates"] == ["b", "resized"]
    assert sorted(found["copies in several splits"]) == ["a", "b", "copy", "resized"]
    (tmp_path / "set" / "split.csv").write_text(
        f"set,name,split\n{rows}".replace("test", "train").replace("val", "train")
    )
    assert "copies in several splits" not in kinds(look_into(tmp_path / "set"))


def test_a_scene_in_several_splits_is_seen_in_names(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "set", ["a", "b", "c"])
    (folder / "split.csv").write_text("set,name,scene,split\nset,a,1,train\nset,b,1,test\nset,c,2,train\n")
    assert kinds(inspect([str(folder)])) == {"same scene in several splits": ["a", "b"]}


def test_misalignment_is_that_of_the_scenes(tmp_path: Path) -> None:
    write_scenes(tmp_path / "off", 4, size=(192, 192), shift_px=6.0)
    result = look_into(tmp_path / "off")
    believed = {pair["key"].partition("/")[2]: pair for pair in result["pairs"] if pair["confidence"] >= 0.5}
    assert len(believed) >= 3
    for name, pair in believed.items():
        matrix = np.loadtxt(tmp_path / "off" / "affine" / f"{name}.txt")
        assert np.hypot(*(np.array([pair["x"], pair["y"]]) - matrix[:, 2])) < 1.5
    assert sorted(kinds(result)["misaligned"]) == sorted(believed)
    assert result["alignment"]["believed"] == len(believed)
    unclear = {pair["key"].partition("/")[2] for pair in result["pairs"]} - set(believed)
    assert set(kinds(result).get("alignment unclear", ())) == unclear


def test_unpaired_sides_are_looked_at_alone(tmp_path: Path, write) -> None:
    for number, name in enumerate("ab"):
        write(tmp_path / "A" / f"{name}.png", near_infrared(number))
        write(tmp_path / "B" / f"{name}.png", photo(number, height=48))
    result = look_into(tmp_path)
    assert (result["pairing"], result["count"], result["problems"]) == ("unpaired", 4, [])
    assert result["pairs"] == []
    assert result["alignment"] is None


def test_what_was_seen_is_not_decoded_again(tmp_path: Path, write_pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, journal = (
        write_pairs(tmp_path / "set", ["a", "b", "c"], height=40, width=40),
        tmp_path / "out" / "seen.jsonl",
    )
    first = look_into(folder, journal=journal)
    read = []

    def counted(data: Data, record: Record, side: Side) -> Picture:
        read.append(f"{record.name} {side}")
        return read_side(data, record, side)

    monkeypatch.setattr("nirgan.data.inspection.look.read_chosen", counted)
    assert look_into(folder, journal=journal) == first
    assert read == []
    lines = [line for line in journal.read_text().splitlines() if line]
    assert len(lines) == 3
    journal.write_text("\n".join([lines[0], "no json", '{"stamp": 3}', lines[2][:-40]]))  # killed while writing c
    assert look_into(folder, journal=journal) == first
    assert read == ["b source", "b target", "c source", "c target"]
    read.clear()
    write_pairs(tmp_path / "other", ["x", "a"], height=40, width=40)
    (folder / "nir" / "a.png").write_bytes((tmp_path / "other" / "nir" / "a.png").read_bytes())
    assert look_into(folder, journal=journal) != first
    assert read == ["a source", "a target"]


def test_a_broken_file_is_looked_at_again(tmp_path: Path, write_pairs) -> None:
    folder, journal = write_pairs(tmp_path / "set", ["a", "b"]), tmp_path / "seen.jsonl"
    good = (folder / "nir" / "b.png").read_bytes()
    (folder / "nir" / "b.png").write_bytes(b"no picture")
    assert kinds(look_into(folder, journal=journal))["unreadable"] == ["b"]
    (folder / "nir" / "b.png").write_bytes(good)
    assert "unreadable" not in kinds(look_into(folder, journal=journal))


def test_progress_counts_records(tmp_path: Path, write_pairs) -> None:
    told: list[tuple[int, int]] = []
    survey([str(write_pairs(tmp_path, ["a", "b"]))], on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.slow
def test_processes_see_the_same(tmp_path: Path) -> None:
    write_scenes(tmp_path / "set", 70, size=(40, 48))
    assert look_into(tmp_path / "set", workers=2) == look_into(tmp_path / "set")


@pytest.mark.slow
def test_real_scenes_are_registered_and_near_infrared(real_data: Path) -> None:
    result = look_into(real_data / "nir-scenes")
    found = kinds(result)
    assert not {"unreadable", "different sizes", "grey as NIR", "full scale", "exact duplicates"} & set(found)
    assert 0.4 < result["correlation"] < 0.95
    assert result["alignment"]["median_px"] < 1.5
    assert result["alignment"]["believed"] > 50


def test_real_three_channel_nir_needs_a_band(real_data: Path) -> None:
    assert len(kinds(look_into(real_data / "nir-sky-sequence"))["different channels"]) == 6
    assert "different channels" not in kinds(look_into(real_data / "nir-unregistered"))
