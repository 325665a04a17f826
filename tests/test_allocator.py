"""Freed memory is used again, where the C library can be told so."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")

COUNT = """
import resource, sys
from nirgan import allocator
for name in sys.argv[1:]:
    getattr(allocator, name)()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    bytearray(b"x") * (40 * 2**20)
use()
before = faults()
for _ in range(5):
    use()
print(faults() - before)
"""


def page_faults(*calls: str, **environment: str) -> int:
    """Page faults of taking and freeing 40 MiB five times, after the functions of the module were called."""
    result = subprocess.run(
        [sys.executable, "-c", COUNT, *calls],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return int(result.stdout)


PAGES = 5 * 40 * 2**20 // os.sysconf("SC_PAGE_SIZE")


def test_freed_memory_is_kept_and_returned() -> None:
    assert page_faults("keep_freed_memory") < PAGES / 10
    assert page_faults("keep_freed_memory", "return_freed_memory") > PAGES / 2


def test_settings_of_the_environment_win() -> None:
    assert page_faults("keep_freed_memory", MALLOC_MMAP_MAX_="65536") > PAGES / 2
