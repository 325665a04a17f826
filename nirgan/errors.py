"""Errors whose message is meant for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class NirganError(Exception):
    """Wrong use or bad input: the message says what is wrong, where, and what to do.

    The command line prints the message on one line and exits with 2, without a traceback.
    """


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest valid name, or an empty string when none is close."""
    near = get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
