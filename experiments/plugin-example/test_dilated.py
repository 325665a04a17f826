"""What every recipe must do: `pytest test_dilated.py`."""

from nirgan.testing import conformance

TestDilated = conformance("dilated-l1")
