"""Evaluations: scored by a protocol, written, shown as tables, compared."""
