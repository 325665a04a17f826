"""Parts by name: generators, discriminators, losses, models and folder layouts.

Built-ins register themselves when their module is imported; the modules are found by walking the registry's package,
so a new file is enough. Another installed package adds a part through an entry point of a group like ``nirgan.models``
or ``nirgan.losses``; listing names it without loading it.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nirgan.errors import NirganError, nearest


@dataclass(frozen=True)
class Entry:
    """One registered part: its name, what builds it, and the paper it comes from (a DOI, arXiv id or title)."""

    name: str
    build: Callable[..., Any]
    paper: str = ""


class Registry:
    """Names of one kind of part, with built-ins from ``package`` and plug-ins from entry points."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._walked = False
        self._plugins: dict[tuple[str, ...], dict[str, EntryPoint]] = {}

    @property
    def group(self) -> str:
        """Entry-point group in which other packages offer parts of this kind."""
        return f"nirgan.{self.kind}{'es' if self.kind.endswith('s') else 's'}"

    def register(self, name: str, *, paper: str = "") -> Callable[[Any], Any]:
        """Decorate a function or class so that it can be built by ``name``; a name that is taken is an error."""

        def add(build: Callable[..., Any]) -> Callable[..., Any]:
            if name in self._entries:
                old = self._entries[name].build
                # A module that is executed again under `python -m` or a reload brings the same definition.
                if (old.__module__, old.__qualname__) != (build.__module__, build.__qualname__):
                    raise NirganError(f"{self.kind} '{name}' is already registered by {old.__module__}; choose another")
            self._entries[name] = Entry(name, build, paper)
            return build

        return add

    def names(self) -> list[str]:
        """Every name, plug-ins included (which are not loaded for this)."""
        self._walk()
        return sorted({*self._entries, *self.plugins()})

    def plugins(self) -> dict[str, EntryPoint]:
        """Entry points of this kind by name; two packages offering one name is an error."""
        path = tuple(sys.path)
        if path not in self._plugins:  # a look into every package that is installed there, so once
            self._plugins[path] = self._find_plugins()
        return self._plugins[path]

    def _find_plugins(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in found and found[point.name].value != point.value:
                both = f"{found[point.name].value} and {point.value}"
                raise NirganError(f"{self.kind} '{point.name}' is offered by two packages, {both}; uninstall one")
            found[point.name] = point
        return found

    def get(self, name: str) -> Entry:
        """Return the part called ``name``, loading a plug-in if it is one.

        Raises:
            NirganError: if there is no such name (the nearest valid one is named) or it is offered twice.
        """
        self._walk()
        plugin = self.plugins().get(name)
        if plugin is not None:
            self._load(plugin)
        if name not in self._entries:
            names = self.names()
            there_are = ", ".join(names) or "none"
            raise NirganError(f"unknown {self.kind} '{name}'{nearest(name, names)} (there are: {there_are})")
        return self._entries[name]

    def build(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Build the part called ``name`` with the given arguments."""
        return self.get(name).build(*args, **kwargs)

    def loaded(self, name: str) -> Entry | None:
        """The entry if its code is already imported, else None (a plug-in that nobody asked for yet)."""
        self._walk()
        return self._entries.get(name)

    def _load(self, plugin: EntryPoint) -> None:
        built_in = self._entries.get(plugin.name)
        try:
            loaded = plugin.load()
        except (ImportError, AttributeError) as error:
            raise NirganError(
                f"{self.kind} '{plugin.name}': the plug-in {plugin.value} does not load ({error})"
            ) from error
        entry = self._entries.get(plugin.name)
        if built_in is not None and loaded is not built_in.build:
            raise NirganError(
                f"{self.kind} '{plugin.name}' of the plug-in {plugin.value} is already registered by "
                f"{built_in.build.__module__}; the plug-in must choose another name"
            )
        if entry is None:  # the plug-in points at a builder that did not register itself
            self._entries[plugin.name] = Entry(plugin.name, loaded)

    def _walk(self) -> None:
        if self._walked:
            return
        self._walked = True
        package = importlib.import_module(self._package)
        for module in pkgutil.walk_packages(package.__path__, prefix=f"{self._package}."):
            importlib.import_module(module.name)


GENERATORS = Registry("generator", "nirgan.generators")
DISCRIMINATORS = Registry("discriminator", "nirgan.discriminators")
LOSSES = Registry("loss", "nirgan.losses")
MODELS = Registry("model", "nirgan.models")
LAYOUTS = Registry("layout", "nirgan.data.layouts")
