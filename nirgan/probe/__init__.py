"""What a network that colours pictures has learned to see: linear classifiers on its frozen features."""
