"""The samples of a set that can be read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from nirgan.data.index import Data, Record
from nirgan.data.sample import Sample
from nirgan.errors import NirganError

logger = logging.getLogger(__name__)


class ReadableSamples:
    """Whole samples, read one at a time in each pass over them; what cannot be read is left out and named.

    Args:
        data: Reads them.
        records: In their order.

    Attributes:
        failed: What could not be read, each ``file: why`` once.
    """

    def __init__(self, data: Data, records: Sequence[Record]) -> None:
        self._data, self._records = data, records
        self.failed: list[str] = []

    def __len__(self) -> int:
        """How many there are, if all can be read."""
        return len(self._records)

    def __iter__(self) -> Iterator[Sample]:
        """Pass over the samples; raises NirganError at the end if none could be read."""
        unread = 0
        for record in self._records:
            try:
                sample = self._data.sample(record)
            except NirganError as error:
                unread += 1
                self._note(str(error))
            else:
                yield sample
        if unread and unread == len(self._records):
            raise NirganError(f"none of {unread} pictures can be read, the first because: {self.failed[0]}")

    def _note(self, words: str) -> None:
        if words not in self.failed:
            self.failed.append(words)
            logger.warning("goes on without a picture: %s", words)
