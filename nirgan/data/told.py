"""Long passes over many records: how far they are, in the log, so that nobody thinks that nothing happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_EVERY_S = 5.0


def told(items: Sequence[Item], work: str) -> Iterator[Item]:
    """Hand out the items; every few seconds a line says how many of them were, none for short work."""
    said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - said >= _EVERY_S:
            said = time.monotonic()
            logger.info("%s: %d of %d", work, done, len(items))
