"""The ``nirgan`` command: one thin module per subcommand, found by walking this package.

Modules import torch inside their functions, so that ``--help`` is instant.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import pkgutil
import signal
import sys
from functools import cache
from typing import Annotated, Any, NoReturn

import typer

import nirgan
import nirgan.cli as package
from nirgan.allocator import keep_freed_memory
from nirgan.cli.output import say
from nirgan.errors import NirganError

app = typer.Typer(
    name="nirgan",
    help="Turn near-infrared and black-and-white pictures into colour.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(nirgan.__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Turn near-infrared and black-and-white pictures into colour."""


@cache
def _add_commands() -> None:
    # A command's module has `command` (a function) or `group` (a Typer app), named like the module.
    for module in pkgutil.iter_modules(package.__path__):
        if module.name in ("app", "output"):
            continue
        loaded = importlib.import_module(f"nirgan.cli.{module.name}")
        if hasattr(loaded, "group"):
            app.add_typer(loaded.group, name=module.name)
        elif hasattr(loaded, "command"):
            app.command(name=module.name, **getattr(loaded, "command_settings", {}))(loaded.command)


def main() -> None:
    """Run the command line."""
    _add_commands()
    run(app, "nirgan")


def run(program: typer.Typer, name: str) -> NoReturn:
    """Run a program, ours or an experiment's: exit 0 when all is done, 1 when part failed, 2 for wrong use or input.

    Ctrl-C ends it with 130 and SIGTERM with 143, after what it has begun is cleared up.
    """
    signal.signal(signal.SIGTERM, _terminate)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("lightning", "lightning.fabric", "lightning_fabric", "matplotlib", "PIL"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version otherwise
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that cannot be shown is no reason to stop
    keep_freed_memory()
    try:
        code = program(standalone_mode=False, prog_name=name)
    except NirganError as error:
        _end(str(error))
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:  # `nirgan … | head`
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _end(f"{error.filename or 'a file'}: {error.strerror or error}")
    except Exception as error:
        _usage(error)
        raise
    sys.exit(code if isinstance(code, int) else 0)


def _terminate(number: int, *_: Any) -> NoReturn:
    sys.exit(128 + number)  # unlike the system's own way, this ends worker processes and removes half-written files


def _end(message: str) -> NoReturn:
    say(f"error: {message}")
    sys.exit(2)


def _usage(error: Exception) -> None:
    """End with the one line of an error in the command line itself; return for any other error."""
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        see = f" (see {context.command_path} --help)" if context is not None else ""
        _end(f"{error.format_message().rstrip('.')}{see}")


if __name__ == "__main__":
    main()
