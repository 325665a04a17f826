"""Losses: one pure function each, with explicit ranges; recipes compose them by weight and name."""
