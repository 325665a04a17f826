"""``nirgan translate``: pictures and folders into colour."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.ensemble import Ensemble, Symmetries
from nirgan.cli.output import Json, emit_json, say
from nirgan.cli.progress import progress
from nirgan.errors import NirganError

if TYPE_CHECKING:
    from nirgan.inference import Translated, Translator

# Unknown options are the model's conditions (--noise-seed 3), which only its weights tell.
command_settings = {"context_settings": {"ignore_unknown_options": True}, "no_args_is_help": True}


def command(
    context: typer.Context,
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Pictures and folders of pictures.")],
    weights: Annotated[
        str | None,
        typer.Option(help="A file, run, checkpoint folder or shipped name; default: the newest run, else what ships."),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="nir2rgb or gray2rgb: of which task the newest run, or what ships, is taken.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("translated"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")] = False,
    tile: Annotated[
        str, typer.Option(metavar="auto|0|PX", help="Side of tiles; 0: never tile; auto: as memory allows.")
    ] = "auto",
    ensemble: Ensemble = False,
    symmetries: Symmetries = None,
    saturation: Annotated[
        float, typer.Option(metavar="FACTOR", help="On chroma, 0 (grey) to 10: 1.4 makes colours stronger, 0.7 paler.")
    ] = 1.0,
    depth: Annotated[str, typer.Option(metavar="8|16|same", help="Bits per channel; same: as the input.")] = "same",
    format: Annotated[
        str | None, typer.Option(help="png, tiff or jpeg; default: TIFF for TIFF, PNG for the rest.")
    ] = None,
    band: Annotated[int | None, typer.Option(min=1, help="Band of multi-band pictures to take, from 1.")] = None,
    full_scale: Annotated[
        float | None, typer.Option(help="Stored value that means white, as 4095 for 12 bits.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Results per picture, of models that draw at random.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the first sample.")] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Refuse pictures of more pixels.")] = 400_000_000,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Threads that read and write beside the network.")] = 2,
    json: Json = False,
) -> None:
    """Translate pictures to colour; 16-bit input gives 16-bit output of the same size.

    Options of the model (as --noise-seed 3 or --hints points.csv, where it has them) may be given, too. Started by
    torchrun, the processes share the files, and the first one speaks for all.

    Pictures that their folder (band.yaml, with a line as "wavelength: 940") or their file says to be of another band
    than the weights were trained on are named, once for each band.
    """
    with _clean_exit() as check:
        paths, extra = _split(inputs)
        bits = _depth(depth)
        if not paths:
            raise NirganError("no INPUT: name pictures or folders of pictures")

        from nirgan.inference import load, translate_files
        from nirgan.inference.conditions import parse_conditions, resolve_conditions
        from nirgan.inference.ensemble import parse_ensemble
        from nirgan.inference.predict import parse_tile
        from nirgan.inference.processes import this_process

        translator = load(
            weights,
            task=task,
            device=device,
            tile=parse_tile(tile),
            ensemble=parse_ensemble(ensemble, symmetries),
            saturation=saturation,
            band=band,
            full_scale=full_scale,
        )
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        given = parse_conditions(translator.recipe, extra, known)
        translator.conditions = resolve_conditions(translator.recipe, given)
        lead = this_process()[0] == 0
        with progress("translating", shown=lead) as show:

            def between(done: int, total: int) -> None:
                check()
                show(done, total)

            result = translate_files(
                translator,
                paths,
                out,
                overwrite=overwrite,
                depth=bits,
                format=format,
                samples=samples,
                seed=seed,
                workers=workers,
                max_pixels=max_pixels,
                shared=True,
                on_progress=between,
            )
        if not lead:
            return
        if json:
            emit_json(result.as_json())
        _report(result, out, translator)


def _split(items: list[str]) -> tuple[list[str], dict[str, str]]:
    """Tell paths from the model's own options, ``--name value`` or ``--name=value``."""
    paths: list[str] = []
    options: dict[str, str] = {}
    rest = iter(items)
    for item in rest:
        if not item.startswith("-") or item == "-":
            paths.append(item)
            continue
        name, equals, value = item.removeprefix("--").partition("=")
        if item.startswith("--") and not equals:
            value = next(rest, "")
        if not item.startswith("--") or not value:
            raise NirganError(f"no option '{item}' without a value; see nirgan translate --help (a file: ./{item})")
        options[name] = value
    return paths, options


def _depth(text: str) -> Any:
    if text not in ("8", "16", "same"):
        raise NirganError(f"--depth is '{text}', but must be 8, 16 or same")
    return text if text == "same" else int(text)


def _report(result: Translated, out: Path, translator: Translator) -> None:
    """Say what was done; leave with 1 if some inputs failed and with 2 if all did."""
    if result.failed and not result.written and not result.skipped:
        path, error = result.failed[0]
        more = f" (and {len(result.failed) - 1} more inputs)" if len(result.failed) > 1 else ""
        raise NirganError(f"{path}: {error}{more}")
    model = f"{translator.info.model}, {translator.info.step} steps"
    count = len(result.written)
    say(f"{count} picture{'' if count == 1 else 's'} -> {out} ({model}, {result.images_per_s:.2f} a second)")
    if result.skipped:
        say(f"{len(result.skipped)} were there before and are kept; --overwrite replaces them")
    for path, error in result.failed:
        say(f"failed: {path}: {error}")
    if result.failed:
        raise typer.Exit(1)


@contextmanager
def _clean_exit() -> Iterator[Callable[[], None]]:
    """Leave with 130 on Ctrl-C and 143 when terminated, with whole files only.

    Gives a function to call between pictures: Python swallows what a signal raises within some callbacks, but here it
    is remembered.
    """
    received: list[int] = []

    def remember(number: int, *_: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if received:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    except KeyboardInterrupt:
        say("stopped; the files that were written are whole")
        raise typer.Exit(128 + (received or [signal.SIGINT])[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
