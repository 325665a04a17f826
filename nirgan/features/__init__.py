"""Networks that others trained, taken as they are: frozen classifiers, and where their weights come from."""

from nirgan.features.classifier import FeatureNet, FrozenClassifier
from nirgan.features.pretrained import copy_known, timm_state, torchvision_state

__all__ = ["FeatureNet", "FrozenClassifier", "copy_known", "timm_state", "torchvision_state"]
