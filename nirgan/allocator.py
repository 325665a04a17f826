"""How the process gives memory back to the operating system between uses.

The C library of Linux (glibc) gives large freed blocks back at once, and takes new ones, page by page and zeroed, when
the next tensor of the same size is made: in training and translation on the CPU that is a tenth of the time. It can
keep them. Elsewhere these functions do nothing.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

# Of <malloc.h>
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
# What glibc's own settings grow to where large blocks are freed, and its greatest number of blocks outside the heap.
_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 * 2**20, _TRIM_THRESHOLD: 64 * 2**20}
_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER}
_OWN_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def keep_freed_memory() -> None:
    """Use freed memory again, for as long as the process lives; unless the environment says how memory is handled."""
    if not any(name in os.environ for name in _OWN_SETTINGS):
        _set(_KEEPING)


def return_freed_memory() -> None:
    """Give freed memory back, as glibc does by itself."""
    _set(_USUAL)


def _set(settings: dict[int, int]) -> None:
    with suppress(OSError, AttributeError, TypeError):  # another system, or another C library
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in settings.items():
            mallopt(name, value)
