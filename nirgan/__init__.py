"""nirgan turns near-infrared and black-and-white pictures into colour.

The public names below are imported when first used, so that ``import nirgan`` stays fast and does not load torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Hint", "__version__", "create_model", "list_models", "load", "translate"]

_HOMES = {
    "Hint": "nirgan.models.hints",
    "create_model": "nirgan.models",
    "list_models": "nirgan.models",
    "load": "nirgan.inference",
    "translate": "nirgan.inference",
}

if TYPE_CHECKING:
    from nirgan.inference import load, translate
    from nirgan.models import create_model, list_models
    from nirgan.models.hints import Hint


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nirgan' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
