"""Typed run settings: defaults, presets, run files and overrides."""

from nirgan.config.load import check, check_limits, dump, merge, parse_overrides, plain_yaml, read_yaml, resolve_config
from nirgan.config.schema import RunConfig

__all__ = [
    "RunConfig",
    "check",
    "check_limits",
    "dump",
    "merge",
    "parse_overrides",
    "plain_yaml",
    "read_yaml",
    "resolve_config",
]
