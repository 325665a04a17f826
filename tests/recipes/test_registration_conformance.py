"""A recipe with a registration network passes the conformance suite as those without do."""

from __future__ import annotations

from nirgan.testing import conformance

TINY = {"registration": True, "registration_width": 4}

TestRegisteredPix2Pix = conformance("pix2pix", options=TINY)
