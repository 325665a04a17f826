"""Open http and https addresses, and nothing else, wherever a server redirects."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from nirgan import __version__
from nirgan.errors import NirganError

TIMEOUT_S = 30.0
"""Silence after which a connection counts as broken."""
_LONGEST_WAIT_S = 60.0
_TRY_LATER = (408, 425, 429)
_RANGE_NOT_SATISFIABLE = 416


class Interrupted(Exception):  # noqa: N818  # no fault of the program: the network is like that
    """The connection failed or ended early: another try may succeed.

    Attributes:
        wait_s: How long the server asks to wait before that; 0 if it does not say.
    """

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class NoSuchRange(Exception):  # noqa: N818  # an answer
    """The server's file ends before the bytes that were asked for."""


class _OnTheWeb(HTTPRedirectHandler):
    """Follows redirects to http and https, and none that gives up encryption."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in ("http", "https"):
            raise NirganError(f"{req.full_url}: redirects to {newurl}, which is not followed: only http and https are")
        if old == "https" and new == "http":
            raise NirganError(f"{req.full_url}: redirects to {newurl}, which is not followed: it is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_url(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send a GET request.

    Args:
        url: An http or https address.
        headers: To send along.

    Returns:
        The answer with status 2xx, its body not yet read; to be closed.

    Raises:
        NirganError: if the server refuses for good, or redirects to where nothing is fetched from.
        Interrupted: if it cannot be reached, or asks to come back later.
        NoSuchRange: if it has no such range.
    """
    own = {"User-Agent": f"nirgan/{__version__}", "Accept-Encoding": "identity"}
    request = Request(url, headers={**own, **headers})
    try:
        answer: HTTPResponse = _opener().open(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        refusal = _refusal(url, error)
        error.close()
        raise refusal from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise NirganError(f"{url}: its certificate is not trusted ({reason.verify_message})") from None
        raise Interrupted(f"no answer ({reason or type(error).__name__})") from None
    return answer


@cache
def _opener() -> OpenerDirector:
    # Built by hand: build_opener would also open files, FTP and data addresses.
    opener = OpenerDirector()
    kinds = (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPErrorProcessor, UnknownHandler)
    for handler in (*(kind() for kind in kinds), _OnTheWeb()):
        opener.add_handler(handler)
    return opener


def _refusal(url: str, error: HTTPError) -> Exception:
    reason = " ".join(str(error.reason).split())
    if error.code == _RANGE_NOT_SATISFIABLE:
        return NoSuchRange()
    if error.code in _TRY_LATER or error.code >= 500:
        return Interrupted(f"the server answers {error.code} ({reason})", _wait_s(error))
    return NirganError(f"{url}: the server answers {error.code} ({reason}); the set's page may name a newer address")


def _wait_s(error: HTTPError) -> float:
    wait = error.headers.get("Retry-After", "") if error.headers else ""
    return min(float(wait), _LONGEST_WAIT_S) if wait.isascii() and wait.isdigit() else 0.0
