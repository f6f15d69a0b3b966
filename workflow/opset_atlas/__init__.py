"""opset-atlas: what an ONNX export is at every opset, what differs, why, and whether it is right.

One module per stage (define, export, dump, parity, compare, judge, tables, report). A stage reads
files and writes files; none imports another. What they share: `records` (the shape of every file
between them), `config`, `schema` (the operator schemas' history), `graph`, `isolate`.
"""

import os

# onnxruntime (from 1.29) reports its sessions to its makers, and keeps an identifier of the machine
# in the user's home: it reads this before it is imported, and no process of ours may do that.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
