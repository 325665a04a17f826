"""A web site on this machine alone that answers as it is told: whole, cut, changed, without ranges, elsewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nirgan.data.download import fetch


@dataclass
class Offer:
    """What one request for an address gets.

    Attributes:
        content: The file.
        etag: Its ``ETag``; empty for none.
        changed: Its ``Last-Modified``; empty for none.
        ranges: Whether the server knows ranges.
        minds_condition: Whether it minds ``If-Range``.
        sent: Bytes of the body after which the connection ends; None for all.
        says_length: Whether it says how long the body is.
        status: Another answer than the file.
        location: Where it redirects to.
    """

    content: bytes = b""
    etag: str = '"1"'
    changed: str = ""
    ranges: bool = True
    minds_condition: bool = True
    sent: int | None = None
    says_length: bool = True
    status: int | None = None
    location: str = ""


@dataclass
class Site:
    """Its address, what it offers (the last offer of a list stays), and the ranges that were asked for, by path."""

    root: str
    offers: dict[str, list[Offer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, name: str, *offers: Offer) -> str:
        """Offer a file; its address."""
        self.offers[f"/{name}"] = list(offers)
        return f"{self.root}/{name}"


def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site for one test; retries do not wait."""
    monkeypatch.setattr(fetch, "PAUSES_S", (0.0, 0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.site = Site(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.site  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: the connection ends with every answer, so that a body that is too short is a cut."""

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.asked.append(self.headers.get("Range", ""))
        offers = site.offers.get(self.path, [Offer(status=404)])
        offer = offers.pop(0) if len(offers) > 1 else offers[0]
        if offer.location:
            self.send_response(302)
            self.send_header("Location", offer.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif offer.status is not None:
            self.send_error(offer.status)
        else:
            self._send(offer, self._start(offer))

    def _start(self, offer: Offer) -> int | None:
        """First byte of the range that is granted; None for the whole file."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, offer.etag, offer.changed) or not offer.minds_condition
        return int(wanted[1]) if wanted and offer.ranges and same else None

    def _send(self, offer: Offer, start: int | None) -> None:
        total = len(offer.content)
        if start is not None and start >= total:
            self.send_error(416)
            return
        body = offer.content[start or 0 :]
        self.send_response(200 if start is None else 206)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in (("ETag", offer.etag), ("Last-Modified", offer.changed)):
            if value:
                self.send_header(name, value)
        if offer.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if offer.sent is None else body[: offer.sent])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
