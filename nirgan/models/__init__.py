"""Recipes: the networks, losses and update order of each paper, one folder per paper with its card."""

from __future__ import annotations

from nirgan.models.create import create_model, list_models, recipe_class
from nirgan.models.options import recipe_options

__all__ = ["create_model", "list_models", "recipe_class", "recipe_options"]
