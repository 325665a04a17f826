"""Fixtures of the trainer's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_training import write_pairs


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of twelve small registered pairs."""
    return write_pairs(tmp_path_factory.mktemp("pairs"))
