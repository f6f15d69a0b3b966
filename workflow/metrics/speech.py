"""How many words a recognizer gets wrong."""

from __future__ import annotations

import numpy as np

BLANK = 0


def word_error_rate(outputs, labels):
    """Insertions, deletions and substitutions per word, with the best path of CTC.

    Args:
        outputs: per batch, `logits` of shape [utterances, frames, words].
        labels: per batch, the words of each utterance, as numbers.
    """
    errors = words = 0
    for batch, texts in zip(outputs, labels, strict=True):
        for frames, text in zip(batch["logits"].argmax(-1), texts, strict=True):
            changes = np.flatnonzero(np.diff(frames, prepend=-1))
            said = [word for word in frames[changes] if word != BLANK]
            errors += distance(said, text)
            words += len(text)
    return errors / words


def distance(one, other):
    """The edit distance of two sequences."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, above + (left != right))
            above, row[j] = row[j], cost
    return row[-1]


def texts(seed):
    """Made-up words of an utterance."""
    return [list(np.random.default_rng(seed).integers(1, 8, size=20))]
