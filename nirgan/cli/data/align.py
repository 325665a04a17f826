"""``nirgan data align``: two cameras that do not line up become registered pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nirgan.cli.data.options import FullScale, Workers, open_described
from nirgan.cli.output import Json, emit_json, say
from nirgan.cli.progress import progress
from nirgan.errors import NirganError, nearest

if TYPE_CHECKING:
    from nirgan.registration.align_pairs import AlignedPairs

_MODELS = ("translation", "affine", "homography")


def command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of pairs, or the name of a card.")],
    out: Annotated[Path, typer.Option(metavar="DIR2", help="Folder for the registered pairs.")],
    model: Annotated[str, typer.Option(help="translation, affine or homography: freedoms at most.")] = "affine",
    dense: Annotated[bool, typer.Option("--dense", help="Refine by a field of small shifts, for parallax.")] = False,
    least_confidence: Annotated[
        float, typer.Option(min=0, max=1, metavar="C", help="Refuse alignments that are less certain.")
    ] = 0.5,
    band: Annotated[int | None, typer.Option(min=1, help="Band that is the source, to measure on.")] = None,
    full_scale: FullScale = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Move each near-infrared picture onto its colour picture and write what both show; refuse what does not fit.

    Writes DIR2/nir and DIR2/rgb at the files' own depth, alignment/NAME.json for each pair and transforms.csv for all.
    Pairs are two pictures of one name, whatever the layout; a picture without partner is refused, too. Repeated, it
    does what is not done yet.
    """
    if model not in _MODELS:
        raise NirganError(f"--model {model}{nearest(model, _MODELS)} (there are: {', '.join(_MODELS)})")
    _keep_apart(folder, out)

    from nirgan.registration.align_pair import Options
    from nirgan.registration.align_pairs import align_pairs

    data = open_described(
        [folder],
        "nir2rgb",
        "unregistered",
        0,
        make_split=False,
        count_channels=False,
        band=band,
        full_scale=full_scale,
        keep_lonely=True,
    )
    options = Options(model, dense, least_confidence)  # type: ignore[arg-type]  # checked above
    with progress("aligning", unit="pairs") as show:
        result = align_pairs(data, out, options, workers=workers, on_progress=show)
    _report(result, folder, as_json=json)


def _keep_apart(folder: str, out: Path) -> None:
    from nirgan.data.places import real_place

    originals, results = real_place(folder), out.resolve()
    if originals.is_dir() and (results == originals or results.is_relative_to(originals)):
        raise NirganError(f"--out {out}: lies in {folder}, whose pictures stay as they are; name a folder elsewhere")


def _report(result: AlignedPairs, folder: str, *, as_json: bool) -> None:
    """Say what was done; leave with 1 if some pairs were not aligned and with 2 if no pair could be read."""
    from nirgan.data.index import first_of

    summary, refused, failed = result.as_json(), result.of("refused"), result.of("failed")
    if failed and all(outcome.confidence is None for outcome in result.outcomes):  # nothing was measured
        more = f" (and {len(failed) - 1} more pairs)" if len(failed) > 1 else ""
        raise NirganError(f"{failed[0].reason}{more}")
    if as_json:
        emit_json(summary)
    kept = f", {summary['kept']} of them before" if summary["kept"] else ""
    say(f"{summary['aligned']} of {summary['count']} pairs aligned -> {result.out}{kept}")
    if result.strays:
        say(
            f"{len(result.strays)} pairs in {result.out} are none of {folder} now, first: {first_of(result.strays)}; "
            "remove them, or align into a new folder"
        )
    for outcome in refused:
        say(f"refused: {outcome.key}: {outcome.reason}")
    for outcome in failed:
        say(f"failed: {outcome.key}: {outcome.reason}")
    if refused or failed:
        raise typer.Exit(1)
