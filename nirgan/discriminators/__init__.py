"""Discriminators: one architecture per file; they return logits."""
