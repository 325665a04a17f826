"""Typed run settings: defaults, presets, run files and overrides."""

from nirgan.config.load import check, dump, merge, parse_overrides, read_yaml, resolve_config
from nirgan.config.schema import RunConfig

__all__ = ["RunConfig", "check", "dump", "merge", "parse_overrides", "read_yaml", "resolve_config"]
