"""How commands speak: people read stderr, scripts read one JSON object on stdout."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]


def emit_json(result: Any) -> None:
    """Print one JSON object on stdout; numbers that JSON does not have (NaN, infinity) become null."""
    typer.echo(json.dumps(_finite(result), ensure_ascii=False))


def say(text: str) -> None:
    """Print a line for people, on stderr."""
    typer.echo(text, err=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
