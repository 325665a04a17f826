"""What the fuzz tests share: how many examples, limits of time and memory, damage to valid files."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nirgan.errors import NirganError

_EVERY = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
_FEW = settings(derandomize=True, max_examples=60, **_EVERY)
_MANY = settings(max_examples=3_000, print_blob=True, **_EVERY)

few_and_many = pytest.mark.parametrize("much", [_FEW, pytest.param(_MANY, marks=pytest.mark.slow)], ids=["few", "many"])
"""The same sixty examples each time, or very many others (``-m slow``)."""


def try_all(much: settings, examples: st.SearchStrategy[Any], check: Callable[[Any], object]) -> None:
    """Check examples; the smallest that fails is shown."""

    @much
    @given(example=examples)
    def check_one(example: Any) -> None:
        check(example)

    check_one()


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
"""Surrogates, which stand for bytes that are no UTF-8, among it."""


@contextmanager
def bounded(seconds: float = 5.0, megabytes: float = 300.0) -> Iterator[None]:
    """Fail where something takes long (of this process's time, however busy the machine is) or much memory."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - start < seconds
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < megabytes


def refuse_or(read: Callable[[], Any]) -> Any:
    """What is read, None if it is refused; nothing else may happen, and nothing takes long."""
    with bounded(), suppress(NirganError):
        return read()
    return None


@st.composite
def damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes], *, head: int = 400) -> bytes:
    """A valid file with some bytes changed (half of them in its head), a part left out or repeated, or its end cut."""
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(0, 6))):
        last = min(head, len(content)) if draw(st.booleans()) else len(content)
        content[draw(st.integers(0, last - 1))] = draw(st.integers(0, 255))
    change = draw(st.sampled_from(["bytes", "bytes", "cut", "leave out", "repeat"]))
    if change != "bytes":
        first, size = draw(st.integers(0, len(content) - 1)), draw(st.integers(1, 64))
        end = first + size if change != "cut" else len(content)
        content[first:end] = content[first:end] * 2 if change == "repeat" else b""
    return bytes(content)
