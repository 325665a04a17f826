"""Names: found, refused with the nearest valid one, and never taken twice."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint

import pytest

import nirgan.registry
from nirgan.errors import NirganError
from nirgan.registry import DISCRIMINATORS, GENERATORS, LAYOUTS, LOSSES, MODELS, Registry


@pytest.fixture
def registry() -> Registry:
    package = types.ModuleType("empty_package")
    package.__path__ = []  # type: ignore[attr-defined]
    sys.modules["empty_package"] = package
    return Registry("part", "empty_package")


def offer(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(nirgan.registry, "entry_points", lambda group: [p for p in points if p.group == group])


def test_unknown_name_gives_the_nearest(registry: Registry) -> None:
    registry.register("pix2pix")(dict)
    with pytest.raises(NirganError, match="unknown part 'pixpix'; did you mean 'pix2pix'"):
        registry.get("pixpix")


def test_name_is_taken_once(registry: Registry) -> None:
    registry.register("a")(dict)
    with pytest.raises(NirganError, match="'a' is already registered by builtins"):
        registry.register("a")(list)


def test_plugin_is_listed_without_being_loaded_and_loaded_on_use(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, EntryPoint("fraction", "fractions:Fraction", "nirgan.parts"))
    assert registry.names() == ["fraction"]
    assert registry.loaded("fraction") is None
    from fractions import Fraction

    assert registry.build("fraction", 1, 2) == Fraction(1, 2)


def test_listing_a_broken_plugin_works_and_using_it_tells(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, EntryPoint("broken", "no_such_package:thing", "nirgan.parts"))
    assert registry.names() == ["broken"]
    with pytest.raises(NirganError, match="broken.*no_such_package"):
        registry.get("broken")


def test_plugin_may_not_take_a_built_in_name(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.register("fraction")(dict)
    offer(monkeypatch, EntryPoint("fraction", "fractions:Fraction", "nirgan.parts"))
    with pytest.raises(NirganError, match="already registered by builtins"):
        registry.get("fraction")


def test_two_plugins_may_not_share_a_name(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(
        monkeypatch,
        EntryPoint("x", "fractions:Fraction", "nirgan.parts"),
        EntryPoint("x", "decimal:Decimal", "nirgan.parts"),
    )
    with pytest.raises(NirganError, match="offered by two packages"):
        registry.names()


def test_installed_packages_are_looked_through_once(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(nirgan.registry, "entry_points", lambda group: looks.append(group) or [])
    for _ in range(3):
        registry.names()
        registry.plugins()
    assert looks == ["nirgan.parts"]
    monkeypatch.syspath_prepend("elsewhere")
    registry.names()
    assert len(looks) == 2


def test_built_ins_are_found_by_walking() -> None:
    assert {"asym-cyclegan", "pix2pix"} <= set(MODELS.names())
    assert "unet" in GENERATORS.names()
    assert {"patch", "fpn"} <= set(DISCRIMINATORS.names())
    assert "l1" in LOSSES.names()
    assert "nir-rgb" in LAYOUTS.names()


def test_groups_are_plurals() -> None:
    groups = [registry.group for registry in (GENERATORS, DISCRIMINATORS, LOSSES, MODELS, LAYOUTS)]
    assert groups == ["nirgan.generators", "nirgan.discriminators", "nirgan.losses", "nirgan.models", "nirgan.layouts"]
