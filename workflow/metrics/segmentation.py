"""How well the regions of a segmentation overlap with the right ones."""

from __future__ import annotations

import numpy as np


def mean_iou(outputs, labels):
    """Intersection over union of each class, averaged over the classes that occur.

    Args:
        outputs: per batch, `logits` of shape [images, classes, height, width].
        labels: per batch, the class of each pixel, of shape [images, height, width].
    """
    found = np.concatenate([batch["logits"].argmax(1).ravel() for batch in outputs])
    right = np.concatenate([np.ravel(each) for each in labels])
    shares = []
    for kind in np.unique(right):
        both = np.sum((found == kind) & (right == kind))
        shares.append(both / np.sum((found == kind) | (right == kind)))
    return float(np.mean(shares))


def masks(seed):
    """Made-up classes of the pixels of an image."""
    return np.random.default_rng(seed).integers(0, 4, size=(1, 16, 16))
