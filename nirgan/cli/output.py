"""How commands speak: people read stderr, scripts read one JSON object on stdout."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 200  # characters

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]


def emit_json(result: Any) -> None:
    """Print one JSON object on stdout; numbers that JSON does not have (NaN, infinity) become null."""
    typer.echo(json.dumps(_finite(result)))  # ASCII: file names need not be UTF-8, and \udcXX gives their bytes back


def say(text: str) -> None:
    """Print one line for people on stderr, whatever a file's name in it holds."""
    typer.echo(printable(text), err=True)


def printable(text: str) -> str:
    """Text on one line: line breaks and the like, which names of files may hold, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_table(table: Table) -> None:
    """Print a table on stdout: wrapped to a terminal's width; whole into a file or a pipe, which have none."""
    from rich.console import Console

    console = Console()
    console.print(table) if console.is_terminal else Console(width=_WIDE).print(table)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
