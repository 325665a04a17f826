"""Which light a source shows: a wavelength, all of near-infrared, grey or heat; who says so, and when to warn.

Colours that were learned from one band are not those of another: dyes become bright at wavelengths of their own, and
water absorbs around 970 nm. So the band of the training sources is kept in the weights, and pictures that are said to
be of another band are named once. Nothing is guessed from pixels. The first of these that says it counts:

1. ``band.yaml`` beside the pictures or in a folder above them (the nearest counts), for training and translation
   alike: one line, ``wavelength: 850`` (or ``850 nm``, ``broad``, ``grey``, ``lwir``).
2. ``wavelength`` on the data set's card, where the data was named by it.
3. The file's own XMP, ``Camera:CentralWavelength``, as multispectral cameras write it: one number, or one a band. Of
   training data the first source that can be read is asked.

Sources of ``gray2rgb`` are lightness, whatever they are computed from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nirgan.config import read_yaml
from nirgan.data.metadata import Metadata
from nirgan.errors import NirganError, nearest
from nirgan.files import write_whole

Band = str
"""``850nm`` (the centre of a filter or lamp), ``nir`` (all that a sensor sees beyond red), ``grey`` or ``lwir``."""
PATTERN = r"^([0-9]{3,4}nm|nir|grey|lwir)$"
"""What a band looks like, as a regular expression."""
SIDECAR = "band.yaml"
"""File in which a folder of pictures says what its files do not."""

_WORDS = {"broad": "nir", "nir": "nir", "grey": "grey", "gray": "grey", "lwir": "lwir"}
_NUMBER = re.compile(r"([0-9]{1,6}(?:\.[0-9]+)?)\s*(?:nm)?")
_SHORTEST, _HEAT, _LONGEST = 300, 7000, 20000  # nanometres; heat radiation of everyday things is beyond 7 µm
# Filters and lamps sold as one colour are about 40 nm wide: 842 nm of one camera is 850 nm of another.
_ALIKE = 20
_XMP = b"Camera:CentralWavelength"
# As an attribute, or as an element with a number or a list of numbers in it.
_XMP_VALUE = re.compile(rb"\s*=\s*[\"']([^\"'<>]*)|>(.*?)</Camera:CentralWavelength", re.DOTALL)
_LONGEST_VALUE = 9999  # bytes


def parse_band(said: object) -> Band | None:
    """The band that a card or a folder states; None for ``unknown``.

    Raises:
        ValueError: for anything else than nanometres (300 to 20,000), broad, grey, lwir or unknown.
    """
    word = str(said).strip().lower()
    if word == "unknown":
        return None
    if word in _WORDS:
        return _WORDS[word]
    number = _NUMBER.fullmatch(word)
    band = _of_nanometres(float(number[1])) if number else None
    if band is None:
        raise ValueError(f"'{said}' is no band: write nanometres such as 850, or broad, grey, lwir or unknown")
    return band


def alike(one: Band, other: Band) -> bool:
    """Whether two bands are one: the same word, or centres within 20 nm."""
    if one.endswith("nm") and other.endswith("nm"):
        return abs(int(one[:-2]) - int(other[:-2])) <= _ALIKE
    return one == other


def in_words(band: Band) -> str:
    """A band as people say it."""
    names = {"nir": "broad near-infrared", "grey": "grey", "lwir": "thermal infrared"}
    return names.get(band) or f"{band[:-2]} nm"


def write_sidecar(folder: Path, band: Band) -> None:
    """Say in ``band.yaml`` which band the pictures of a folder show; the file appears whole or not at all."""
    write_whole(folder / SIDECAR, f"wavelength: {band}\n".encode())


def band_in(metadata: Metadata, channel: int | None) -> Band | None:
    """Band by a file's XMP; where it has several, that of ``channel``, from 1. None where it does not say."""
    _, _, after = (metadata.xmp or b"").partition(_XMP)
    value = _XMP_VALUE.match(after[:_LONGEST_VALUE])
    if value is None:
        return None
    text = re.sub(rb"<[^<>]*>", b" ", value[1] or value[2] or b"").decode("ascii", errors="replace")
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if len(numbers) == 1:
        return _of_nanometres(numbers[0])
    return _of_nanometres(numbers[channel - 1]) if channel is not None and channel <= len(numbers) else None


class Sidecars:
    """What ``band.yaml`` says of the pictures beside and below it; each folder is looked into once."""

    def __init__(self) -> None:
        self._known: dict[Path, Band | None] = {}

    def band_of(self, picture: Path) -> Band | None:
        """The band that the nearest folder states, None if none does.

        Raises:
            NirganError: if a ``band.yaml`` holds anything else.
        """
        return self._of(picture.absolute().parent)

    def _of(self, folder: Path) -> Band | None:
        if folder not in self._known:
            above = folder.parent
            self._known[folder] = _stated(folder / SIDECAR) or (self._of(above) if above != folder else None)
        return self._known[folder]


def bands_of(sources: Iterable[Path | None], card: Band | None) -> set[Band | None]:
    """Bands of source files as their folders state them, else as the card does; None among them where neither does.

    Sources that are no files, the built-in scenes, are None.
    """
    sidecars = Sidecars()
    return {(sidecars.band_of(path) if path else None) or card for path in sources}


def disagreement(bands: Iterable[Band | None]) -> str:
    """Words about sources that are not all stated to be of one band; empty where they are, or nobody says anything."""
    stated = set(bands)
    named = ", ".join(map(in_words, sorted(filter(None, stated))))
    if not named or len(stated) == 1:
        return ""
    if len(stated - {None}) > 1:
        return f"several bands ({named}), so that weights will name none"
    return f"a band ({named}) that only some sources are said to be of, so that weights will name none"


class BandWatch:
    """Finds, once for each band, that pictures are not of the band that weights were trained on."""

    def __init__(self, trained: Band | None) -> None:
        self.trained = trained
        self._sidecars = Sidecars()
        self._said: dict[Band, object] = {}

    def look(self, picture: Path, metadata: Metadata, channel: int | None) -> str:
        """Words about the first picture of each other band; empty for any other picture.

        Raises:
            NirganError: as ``Sidecars.band_of``.
        """
        if self.trained is None:
            return ""
        band = self._sidecars.band_of(picture) or band_in(metadata, channel)
        words = difference(self.trained, band, str(picture))
        me = object()  # threads may ask at once: only one finds its own object kept
        return words if band and words and self._said.setdefault(band, me) is me else ""


def difference(trained: Band | None, given: Band | None, what: str) -> str:
    """Words about pictures of another band than weights were trained on; empty if alike, or one is not known."""
    if trained is None or given is None or alike(trained, given):
        return ""
    return (
        f"{what}: said to be {in_words(given)}, and these weights were trained on {in_words(trained)}: "
        "materials look different there, so expect other colours"
    )


def _of_nanometres(number: float) -> Band | None:
    if not _SHORTEST <= number <= _LONGEST:
        return None
    return "lwir" if number >= _HEAT else f"{round(number)}nm"


def _stated(file: Path) -> Band | None:
    try:
        if not file.is_file():
            return None
    except OSError:  # a folder above that nobody may look into
        return None
    for key, value in read_yaml(file).items():
        if key != "wavelength":
            raise NirganError(
                f"{file}: unknown key '{key}'{nearest(key, ['wavelength'])} (there is: wavelength; a file of this name "
                "speaks of the pictures beside and below it)"
            )
        try:
            return parse_band(value)
        except ValueError as error:
            raise NirganError(f"{file}: wavelength: {error}") from None
    return None
