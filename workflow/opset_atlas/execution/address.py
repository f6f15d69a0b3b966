"""Where the warm workers of a run listen: what a job's process and a worker agree on.

The process of every job reads this, hundreds of times in a run, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys
import zlib

# Set for the jobs of a run on one machine: the folder with the sockets of its workers.
WORKERS = "ATLAS_WORKERS"
# The process ID of Snakemake. Its jobs end when it ends, for whatever reason.
RUN = "ATLAS_RUN"
HERE = sys.prefix


def key(prefix: str = HERE) -> str:
    """A short name of an environment, for file names."""
    return f"{zlib.crc32(os.path.realpath(prefix).encode()):08x}"


def socket_path(folder: str, key: str, level: str) -> str:
    """The socket on which an environment's worker listens for one level."""
    return f"{folder}/{key}.{level}"
