"""Which light a source shows: who may say it, who is believed, and what is said when it differs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nirgan.data import Data, cards, open_data
from nirgan.data.bands import (
    PATTERN,
    SIDECAR,
    BandWatch,
    Sidecars,
    alike,
    band_in,
    difference,
    parse_band,
)
from nirgan.data.metadata import Metadata
from nirgan.errors import NirganError

NOTHING = Metadata()


def xmp(inside: str) -> Metadata:
    """XMP as cameras write it, with one description."""
    head = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description rdf:about=""'
    return Metadata(xmp=f"{head}{inside}</rdf:RDF></x:xmpmeta>".encode())


def element(value: str) -> Metadata:
    return xmp(
        f"><Camera:BandName>NIR 5</Camera:BandName>\n<Camera:CentralWavelength>{value}</Camera:CentralWavelength>"
        "<Camera:WavelengthFWHM>57</Camera:WavelengthFWHM></rdf:Description>"
    )


def say(folder: Path, wavelength: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SIDECAR).write_text(f"wavelength: {wavelength}\n")


def opened(*folders: Path, task: str = "nir2rgb", **options: object) -> Data:
    return open_data([str(folder) for folder in folders], task=task, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "band"),
    [
        (850, "850nm"),
        ("850 nm", "850nm"),
        ("940nm", "940nm"),
        (842.4, "842nm"),
        ("broad", "nir"),
        (" NIR ", "nir"),
        ("grey", "grey"),
        ("gray", "grey"),
        ("lwir", "lwir"),
        (11000, "lwir"),
        ("unknown", None),
    ],
)
def test_bands_are_said_in_words_or_nanometres(said: object, band: str | None) -> None:
    assert parse_band(said) == band
    assert band is None or re.fullmatch(PATTERN, band)


@pytest.mark.parametrize("said", ["blue", "", None, True, -850, 0.85, 50, 90000, "850 um", [850], "8 50"])
def test_anything_else_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match="is no band: write nanometres"):
        parse_band(said)


def test_filters_of_one_kind_are_one_band() -> None:
    assert alike("850nm", "842nm")
    assert alike("870nm", "850nm")
    assert not alike("850nm", "871nm")
    assert not alike("850nm", "nir")
    assert alike("nir", "nir")


class TestMetadata:
    @pytest.mark.parametrize("value", ["842", "842.0", "<rdf:Seq>\n<rdf:li>842</rdf:li></rdf:Seq>", " 842 "])
    def test_an_element(self, value: str) -> None:
        assert band_in(element(value), None) == "842nm"

    def test_an_attribute(self) -> None:
        assert band_in(xmp(' Camera:BandName="NIR" Camera:CentralWavelength="840"/>'), 3) == "840nm"

    def test_of_several_the_one_of_the_band(self) -> None:
        lines = "".join(f"<rdf:li>{number}</rdf:li>" for number in (650, 548, 446, 850))
        several = element(f"<rdf:Seq>{lines}</rdf:Seq>")
        assert band_in(several, 4) == "850nm"
        assert band_in(several, 1) == "650nm"
        assert band_in(several, 5) is None
        assert band_in(several, None) is None

    def test_heat(self) -> None:
        assert band_in(element("11000"), None) == "lwir"

    @pytest.mark.parametrize(
        "metadata",
        [NOTHING, xmp("/>"), element(""), element("NIR"), element("0"), Metadata(xmp=b"Camera:CentralWavelength")],
    )
    def test_none_where_it_says_nothing(self, metadata: Metadata) -> None:
        assert band_in(metadata, 1) is None


class TestSidecars:
    def test_the_nearest_folder_counts(self, tmp_path: Path) -> None:
        say(tmp_path / "set", 850)
        say(tmp_path / "set" / "nir" / "night", 940)
        sidecars = Sidecars()
        assert sidecars.band_of(tmp_path / "set" / "nir" / "a.png") == "850nm"
        assert sidecars.band_of(tmp_path / "set" / "nir" / "night" / "a.png") == "940nm"
        assert sidecars.band_of(tmp_path / "other" / "a.png") is None

    def test_relative_paths_look_above_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        say(tmp_path / "set", "broad")
        (tmp_path / "set" / "nir").mkdir()
        monkeypatch.chdir(tmp_path / "set" / "nir")
        assert Sidecars().band_of(Path("a.png")) == "nir"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("wavelenght: 850\n", r"unknown key 'wavelenght'; did you mean 'wavelength'\?"),
            ("wavelength: blue\n", "wavelength: 'blue' is no band"),
            ("wavelength: [850\n", "not plain YAML"),
            ("850\n", "must hold 'key: value' lines"),
        ],
    )
    def test_what_it_cannot_mean_is_refused_by_name(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / SIDECAR).write_text(text)
        with pytest.raises(NirganError, match=f"{SIDECAR}: {words}"):
            Sidecars().band_of(tmp_path / "a.png")


class TestData:
    def test_a_folder_says_it_of_its_sources(self, tmp_path: Path, write_pairs) -> None:
        pairs = write_pairs(tmp_path / "pairs", ["a", "b", "c"])
        assert opened(pairs).wavelength is None
        say(pairs, 850)
        data = opened(pairs)
        assert data.wavelength == "850nm"
        assert data.layouts == [f"{pairs}: nir/ + rgb/ with the same names; 850 nm"]
        say(pairs / "rgb", 940)  # that is the targets'
        assert opened(pairs).wavelength == "850nm"
        assert opened(pairs, task="gray2rgb").wavelength == "grey"

    def test_a_card_says_it_and_a_folder_knows_better(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs
    ) -> None:
        pairs = write_pairs(tmp_path / "pairs", ["a", "b", "c"])
        card = "name: x\ntitle: X\nlayout: nir-rgb\npairing: registered\npath: pairs\n"
        monkeypatch.setattr(cards, "card_folder", lambda: tmp_path)
        for line, band in (("", None), ("wavelength: 940\n", "940nm"), ("modality: lwir\n", "lwir")):
            (tmp_path / "x.yaml").write_text(card + line)
            assert opened(Path("x")).wavelength == band
        say(pairs, 850)
        assert opened(Path("x")).wavelength == "850nm"
        (tmp_path / "x.yaml").write_text(card + "wavelength: infra\n")
        with pytest.raises(NirganError, match="wavelength.*'infra' is no band"):
            opened(Path("x"))

    def test_the_first_file_says_it_where_nobody_else_does(self, tmp_path: Path, write_pairs) -> None:
        pairs = write_pairs(tmp_path / "pairs", ["a"])
        (pairs / "nir" / "a.png").unlink()
        packet = element("842").xmp
        assert packet is not None
        tag = [(700, 1, len(packet), packet, True)]
        tifffile.imwrite(pairs / "nir" / "a.tif", np.zeros((24, 32), np.uint16), extratags=tag)
        assert opened(pairs).wavelength == "842nm"
        say(pairs, 850)
        assert opened(pairs).wavelength == "850nm"

    def test_a_file_of_bands_says_it_of_its_near_infrared_one(self, tmp_path: Path) -> None:
        lines = "".join(f"<rdf:li>{number}</rdf:li>" for number in (650, 548, 446, 850))
        packet = element(f"<rdf:Seq>{lines}</rdf:Seq>").xmp
        assert packet is not None
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.zeros((8, 9, 4), np.uint8),
            photometric="rgb",
            planarconfig="contig",
            extrasamples=["unspecified"],
            extratags=[(700, 1, len(packet), packet, True)],
        )
        assert opened(tmp_path).wavelength == "850nm"
        assert opened(tmp_path, band=1).wavelength == "650nm"

    def test_several_bands_are_named_and_none_is_kept(self, tmp_path: Path, write_pairs) -> None:
        day, night = (write_pairs(tmp_path / name, ["a", "b"]) for name in ("day", "night"))
        say(day, 850)
        data = opened(day, night)  # nobody knows what the nights are
        assert data.wavelength is None
        assert [problem.kind for problem in data.problems] == [
            "a band (850 nm) that only some sources are said to be of, so that weights will name none"
        ]
        say(night, 940)
        data = opened(day, night)
        assert data.wavelength is None
        assert [problem.kind for problem in data.problems] == [
            "several bands (850 nm, 940 nm), so that weights will name none"
        ]
        say(night, 850)
        assert opened(day, night).wavelength == "850nm"

    def test_colour_pictures_without_partners_have_no_say(self, tmp_path: Path, write_pairs) -> None:
        pairs = write_pairs(tmp_path / "pairs", ["a", "b"])
        photos = write_pairs(tmp_path / "more", ["a", "b"]) / "rgb"
        say(pairs, 850)
        data = opened(pairs, photos, pairing="unpaired")
        assert (len(data.sources()), len(data.targets())) == (2, 4)
        assert data.wavelength == "850nm"

    def test_built_in_scenes_are_seen_at_850_nm(self) -> None:
        data = open_data([], task="nir2rgb", count_channels=False)
        assert data.wavelength == "850nm"
        assert cards.read_card("synthetic").band == "850nm"


class TestWatch:
    def test_each_other_band_is_named_once(self, tmp_path: Path) -> None:
        for name, band in (("same", 842), ("night", 940), ("heat", "lwir")):
            say(tmp_path / name, band)
        watch = BandWatch("850nm")
        said = [
            watch.look(tmp_path / name, NOTHING, None)
            for name in ("same/a.png", "none/a.png", "night/a.png", "night/b.png", "heat/a.png", "heat/b.png")
        ]
        assert [bool(words) for words in said] == [False, False, True, False, True, False]
        assert said[2].startswith(f"{tmp_path / 'night' / 'a.png'}: said to be 940 nm, and these weights were trained")
        assert "on 850 nm" in said[2]
        assert "thermal infrared" in said[4]

    def test_the_file_is_asked_where_no_folder_says_it(self, tmp_path: Path) -> None:
        assert "668 nm" in BandWatch("nir").look(tmp_path / "a.tif", element("668"), None)
        say(tmp_path, "broad")
        assert BandWatch("nir").look(tmp_path / "a.tif", element("668"), None) == ""

    def test_weights_that_name_no_band_say_nothing(self, tmp_path: Path) -> None:
        say(tmp_path, 940)
        assert BandWatch(None).look(tmp_path / "a.png", element("668"), None) == ""
        assert difference(None, "940nm", "x") == difference("940nm", None, "x") == difference("nir", "nir", "x") == ""
