"""Settings of any kind, from files and flags: refused in words, or resolved, written and read back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from fuzzing import ANY_TEXT, bounded, few_and_many, try_all
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import BaseModel

from nirgan.config import RunConfig, check, dump, parse_overrides, read_yaml, resolve_config
from nirgan.errors import NirganError

PARTS = st.sampled_from(
    [
        *("a", "steps", "data", "model", "options", ": ", "? ", "- ", "\n", "  ", "\t", "{", "}", "[", "]", ",", "#"),
        *(">", "|", "'", '"', "&a ", "*a", "<<: ", "%YAML 9.9\n", "---\n", "...\n", "=", "~", "\x85", "\0", "\ud800"),
        *("!!int ", "!!float ", "!!bool ", "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "!!str ", "!a ", "yes"),
        *("1", "1e3", "1_0", "0x", "0b", "0o7", ".inf", "-.nan", "1:60", "2024-13-45", "2024-01-01", "9" * 4500),
        *("!!python/name:os.system", "!!python/object/apply:os.system [touch nowhere/marker]"),
    ]
)
YAML = st.lists(PARTS, max_size=12).map("".join)
WORDS = st.sampled_from(["pix2pix", "tiny", "adam", "linear", "ssim", "cpu", "bf16", "registered", "batch"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 40), st.integers(), st.just(10**400), st.floats(),
    WORDS, ANY_TEXT, st.binary(max_size=4), st.dates(),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(ANY_TEXT, inner, max_size=3), st.sets(st.integers(), max_size=2)
    ),
    max_leaves=5,
)
OPTIONS = ("width", "levels", "n_res", "norm", "dropout", "upsample", "pool_size", "lambda_l1", "pretrained", "x")


def section(model: type[BaseModel]) -> st.SearchStrategy[dict[Any, Any]]:
    """Settings of a section: its keys with values that fit or not, and at times a key of anybody."""
    fitting = model().model_dump()
    known: dict[Any, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        inner = field.annotation
        is_section = isinstance(inner, type) and issubclass(inner, BaseModel)
        known[name] = st.one_of(section(inner) if is_section else st.just(fitting[name]), VALUES)
    some = st.fixed_dictionaries({}, optional=known)
    others = st.dictionaries(ANY_TEXT | st.integers(), VALUES, max_size=1)
    return some | st.builds(lambda a, b: {**a, **b}, some, others)


def settings_of_any_kind() -> st.SearchStrategy[dict[Any, Any]]:
    models, presets = st.sampled_from(["pix2pix", "asym-cyclegan"]), st.sampled_from(["paper", "tiny"])
    names = st.fixed_dictionaries({}, optional={"model": models, "preset": presets})
    options = st.fixed_dictionaries({}, optional={"options": st.dictionaries(st.sampled_from(OPTIONS), SCALARS)})
    few = st.dictionaries(st.sampled_from(list(RunConfig.model_fields)), VALUES, max_size=2)
    return st.builds(lambda a, b, c: {**a, **b, **c}, few | section(RunConfig), names, options)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "run.yaml"


def resolve_or_refuse(path: Path, given: dict[Any, Any]) -> RunConfig | None:
    with bounded(), contextlib.suppress(NirganError):
        config = resolve_config(given)
        path.write_text(dump(config), encoding="utf-8")
        assert check(read_yaml(path), str(path)) == config
        return config
    return None


def read_or_refuse(path: Path, text: str) -> None:
    path.write_bytes(text.encode(errors="surrogatepass"))
    with bounded(), contextlib.suppress(NirganError):
        resolve_or_refuse(path, read_yaml(path))
    for item in (text, f"seed={text}", f"options.width={text}"):
        with bounded(), contextlib.suppress(NirganError):
            resolve_or_refuse(path, parse_overrides([item, "model=pix2pix"]))


@few_and_many
def test_settings_of_any_kind(path: Path, much: settings) -> None:
    resolved: list[RunConfig] = []

    def resolve(values: dict[Any, Any]) -> None:
        if config := resolve_or_refuse(path, values):
            resolved.append(config)

    try_all(much, settings_of_any_kind(), resolve)
    assert len(resolved) > 5  # else the examples would show little


@few_and_many
def test_any_text_as_settings(path: Path, much: settings) -> None:
    try_all(much, YAML | ANY_TEXT, lambda text: read_or_refuse(path, text))


@few_and_many
def test_any_flags(much: settings) -> None:
    assigned = st.tuples(st.sampled_from(["a", "b", "a.b", "b.a", "a.b.c", "", "."]), st.just("="), ANY_TEXT)
    try_all(much, st.lists(ANY_TEXT | assigned.map("".join), max_size=4), parse_or_refuse)


def parse_or_refuse(items: list[str]) -> None:
    with bounded(), contextlib.suppress(NirganError):
        assert isinstance(parse_overrides(items), dict)
