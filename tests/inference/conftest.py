"""The toy recipes are registered during these tests alone: others list what is registered."""

from __future__ import annotations

import pytest
from toy_recipes import TOYS

from nirgan.registry import MODELS, Entry


@pytest.fixture(autouse=True)
def _registered_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    MODELS.names()  # the built-ins are found first
    for name, toy in TOYS.items():
        monkeypatch.setitem(MODELS._entries, name, Entry(name, toy))
