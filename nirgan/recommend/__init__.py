"""Which recipe to train on what somebody has, with which settings, and why."""

from __future__ import annotations

from nirgan.recommend.advise import Advice, Plan, advise
from nirgan.recommend.situation import Situation, look_at

__all__ = ["Advice", "Plan", "Situation", "advise", "look_at"]
