"""Generators: one architecture per file, plain modules without losses."""
