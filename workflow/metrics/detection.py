"""How well a detector finds objects."""

from __future__ import annotations

import numpy as np


def average_precision(outputs, labels):
    """The area below precision over recall at an overlap of at least one half, over all classes.

    Args:
        outputs: per image, `logits` [1, boxes, classes + 1], the last class being none, and
            `pred_boxes` [1, boxes, 4]: center, width and height.
        labels: per image, the right boxes in the same form, [objects, 4].
    """
    hits, scores, objects = [], [], 0
    for image, right in zip(outputs, labels, strict=True):
        score = image["logits"][0, :, :-1].max(-1)
        taken = np.zeros(len(right), bool)
        overlaps = overlap(corners(image["pred_boxes"][0]), corners(right))
        for box in np.argsort(-score, kind="stable"):
            best = int(np.argmax(overlaps[box]))
            hits.append(bool(overlaps[box, best] >= 0.5 and not taken[best]))
            taken[best] |= hits[-1]
            scores.append(score[box])
        objects += len(right)
    order = np.argsort(-np.array(scores), kind="stable")
    found = np.cumsum(np.array(hits)[order])
    precision = found / np.arange(1, len(found) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(found / objects, prepend=0) * envelope))


def corners(boxes):
    """Left, top, right and bottom from center, width and height."""
    center, size = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([center - size / 2, center + size / 2], 1)


def overlap(one, other):
    """Intersection over union of every box with every other: [len(one), len(other)]."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), -1)
    sizes = [np.prod(each[:, 2:] - each[:, :2], -1) for each in (one, other)]
    return both / (sizes[0][:, None] + sizes[1][None] - both)


def boxes(seed):
    """Made-up boxes around the middle of an image, where an untrained detector puts its own."""
    return np.random.default_rng(seed).uniform(0.3, 0.7, size=(3, 4))
