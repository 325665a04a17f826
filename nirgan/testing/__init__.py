"""The conformance suite: what any recipe must pass, ours and those of plug-ins.

A plug-in's author needs three lines::

    from nirgan.testing import conformance

    TestMine = conformance("my-model")
"""

from nirgan.testing.conformance import FIT_TERMS, conformance
from nirgan.testing.pictures import synthetic_batch, synthetic_samples

__all__ = ["FIT_TERMS", "conformance", "synthetic_batch", "synthetic_samples"]
