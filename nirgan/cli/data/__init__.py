"""``nirgan data``: one module per subcommand, named like it, with a function ``command``."""

from __future__ import annotations

import importlib
import pkgutil

import typer

group = typer.Typer(help="List, inspect, align, split, render, download, pack and preview data.", no_args_is_help=True)

for _module in pkgutil.iter_modules(__path__):
    if _module.name != "options":
        group.command(_module.name)(importlib.import_module(f"{__name__}.{_module.name}").command)
