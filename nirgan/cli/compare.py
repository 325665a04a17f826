"""``nirgan compare``: evaluated runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.output import Json, emit_json, print_table, say


def command(
    runs: Annotated[list[Path], typer.Argument(help="Evaluated runs, or folders that hold a metrics.json.")],
    split: Annotated[str, typer.Option(help="Which of a run's evaluations: test, val, train or all.")] = "test",
    json: Json = False,
) -> None:
    """Compare evaluated runs picture by picture against the first one."""
    from nirgan.reporting.compare import compare
    from nirgan.reporting.files import read_results
    from nirgan.reporting.tables import comparison_table, footnotes

    comparison = compare([read_results(run, split) for run in runs])
    if json:
        emit_json(comparison)
        return
    print_table(comparison_table(comparison))
    for note in [*comparison["notes"], *footnotes(comparison, comparison["runs"][0]["metrics"])]:
        say(note)
