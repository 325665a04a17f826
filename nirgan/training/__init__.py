"""One trainer for every recipe."""

from nirgan.training.train import TrainResult, train

__all__ = ["TrainResult", "train"]
