"""``nirgan data split``: a split as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.data.options import PairingName, Seed, TaskName, open_described
from nirgan.cli.output import Json, emit_json, say

if TYPE_CHECKING:
    from nirgan.data.grouping import By
    from nirgan.data.index import Data, Record

_LARGE = 0.2
"""Share of all pictures in one group above which the group may be a mistake."""

Share = Annotated[float, typer.Option(min=0, max=0.49, help="Share of the pictures, as far as whole scenes allow.")]


def command(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders or names of cards.")],
    out: Annotated[Path | None, typer.Option(help="File to write, such as DIR/split.csv.")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="What keeps pictures together: scene, duplicates (looks at every picture) or picture (nothing). "
            "Default: scene where every picture has one, else duplicates."
        ),
    ] = None,
    scenes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV with set, name and scene; default: DIR/split.csv if it is there."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make no split, but look for near-duplicates between the parts of this one."),
    ] = None,
    val_share: Share = 0.1,
    test_share: Share = 0.1,
    task: TaskName = "nir2rgb",
    pairing: PairingName = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that look for duplicates; default: by cores and number of pictures."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Split data for training, validation and test: whole scenes, by category, so that no part knows another's.

    A folder's own split is not kept. Pictures of one scene, and near-duplicates where scenes are not known, come into
    one part, in each category as large a share of them as asked for. Near-duplicates are copies and large crops:
    smaller crops and other photographs of one place stay together only if --scenes names them.
    """
    chosen = _chosen(out, by, scenes, check, overwrite)
    given: dict[str, Any] = {"split_file": check} if check else {"unsplit": True}
    data = open_described(folders, task, pairing, seed, count_channels=False, **given)
    if out is None:
        failed = _look_for_leaks(data, workers, check)
        words, result = f"{check}: no scene, file or near-duplicate is in two parts", {"checked": str(check)}
    else:
        how, failed = _group(data, chosen, scenes, workers)
        _split(data, out, val_share, test_share, seed)
        words, result = f"{out}: split by {how}", {"written": str(out), "by": how}
    _report(data, words, result, failed, json)


def _chosen(out: Path | None, by: str | None, scenes: Path | None, check: Path | None, overwrite: bool) -> By | None:
    """What was asked for with --by; refuses options that do not go together."""
    from nirgan.data.grouping import By
    from nirgan.errors import NirganError, nearest

    if (out is None) == (check is None):
        raise NirganError("give either --out FILE, to write a split, or --check FILE, to check one")
    if by == "picture" and scenes:
        raise NirganError("--by picture holds nothing together: leave --scenes out, or --by")
    if check is not None and (by or scenes):
        raise NirganError(
            "--check takes scenes from its own file and looks for near-duplicates: leave --by and --scenes out"
        )
    if by is not None and by not in list(By):
        raise NirganError(f"--by {by}{nearest(by, By)} (there are: {', '.join(By)})")
    if out is not None and out.exists() and not overwrite:
        raise NirganError(f"{out} is already there; name another file or use --overwrite")
    return None if by is None else By(by)


def _group(data: Data, by: By | None, scenes: Path | None, workers: int | None) -> tuple[By, list[str]]:
    """Give records their scenes; returns what these went by, and what could not be read."""
    from nirgan.data.grouping import By, by_picture, by_scene, default_by
    from nirgan.data.split import apply_scenes, read_scenes

    if scenes is not None:
        data.all_records = apply_scenes(data.all_records, read_scenes(scenes), scenes)
    by = by or default_by(data.all_records)
    if by == By.DUPLICATES:
        failed = _group_by_duplicates(data, workers)
        _warn_of_large_group(data.all_records)
        return by, failed
    data.all_records = (by_scene if by == By.SCENE else by_picture)(data.all_records)
    return by, []


def _group_by_duplicates(data: Data, workers: int | None) -> list[str]:
    """Look at all pictures for what belongs together; returns what could not be read."""
    from nirgan.cli.progress import progress
    from nirgan.data.grouping import by_duplicates

    with progress("looking for near-duplicates") as show:
        data.all_records, failed = by_duplicates(data, workers=workers, on_progress=show)
    return failed


def _warn_of_large_group(records: list[Record]) -> None:
    from collections import Counter

    (scene, count), *_ = Counter(record.scene for record in records).most_common(1)
    if 1 < count > _LARGE * len(records):
        say(
            f"{count} of {len(records)} pictures look alike and stay together as '{scene}'; if they are different "
            "scenes, name them in a file (--scenes FILE), or use --by picture"
        )


def _split(data: Data, out: Path, val_share: float, test_share: float, seed: int) -> None:
    from nirgan.data.leaks import refuse_leaks
    from nirgan.data.split import make_split

    data.all_records = make_split(data.all_records, val_share=val_share, test_share=test_share, seed=seed)
    refuse_leaks(data.all_records, out, "find what belongs together with --by duplicates")  # a file under two names
    data.write_split(out)


def _look_for_leaks(data: Data, workers: int | None, check: Path | None) -> list[str]:
    """Raise NirganError if near-duplicates are in two parts; returns what could not be read."""
    from nirgan.data.leaks import refuse_leaks

    failed = _group_by_duplicates(data, workers)
    refuse_leaks(data.all_records, f"{check}: near-duplicates")
    return failed


def _report(data: Data, words: str, result: dict[str, Any], failed: list[str], json: bool) -> None:
    """Say what was done; leave with 1 if some pictures could not be looked at."""
    from nirgan.data.index import SPLITS
    from nirgan.data.split import split_words

    scenes = len({record.scene or record.key for record in data.all_records})
    if json:
        counts = {name: len(data.records(name)) for name in SPLITS}
        emit_json({**result, **counts, "scenes": scenes, "failed": failed})
    else:
        typer.echo(f"{words}: {split_words(data.all_records)}, in {scenes} scenes")
    for failure in failed:
        say(f"not looked at, so perhaps a near-duplicate: {failure}")
    if failed:
        raise typer.Exit(1)
