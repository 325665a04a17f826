"""Translate pictures: padding, tiles, files and folders, by the one path that training takes, too."""

from __future__ import annotations

from nirgan.inference.api import load, translate
from nirgan.inference.find import find_weights
from nirgan.inference.folder import Translated, translate_files
from nirgan.inference.run import translate_source
from nirgan.inference.translator import Translator

__all__ = ["Translated", "Translator", "find_weights", "load", "translate", "translate_files", "translate_source"]
