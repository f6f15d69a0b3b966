"""What a metric of the user's is called with; `numerics.metrics` calls it. Imports nothing.

Snakemake reads this at every start, to check a configuration.
"""

from __future__ import annotations

# Each is passed under its name, if the function has it.
ARGUMENTS = ("outputs", "inputs", "labels", "sets")
# Formats of the file that `labels` may name.
LABELS = (".npy", ".npz", ".json")
# Input sets that are no data: a metric leaves them out.
NO_DATA = frozenset({"zeros", "ones", "large"})
