"""`python -m opset_atlas [--log FILE] [--level NAME] STAGE …`: a stage, or a tool beside a run.

This is what the rules call. In a run on one machine its warm worker runs the stage
(`execution.client`). `--level` names what the stage needs there, where it depends on a plug-in.
"""

from __future__ import annotations

import sys
from pathlib import Path

from opset_atlas import sources
from opset_atlas.execution import environments


def main(arguments: list[str]) -> int:
    """Run a stage or a tool; returns its exit status."""
    given: dict[str, str] = {}
    while arguments[:1] in (["--log"], ["--level"]) and len(arguments) > 2:
        given[arguments[0]], arguments = arguments[1], arguments[2:]
    known = {**sources.programs("stages"), **sources.programs("tools")}
    if not arguments or arguments[0] not in known:
        print("usage: python -m opset_atlas [--log FILE] STAGE [options]", file=sys.stderr)
        print(f"stages and tools: {' '.join(known)}", file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    if arguments[0] in sources.programs("stages") and (problem := environments.unsupported()):
        print(problem, file=sys.stderr)
        return 2
    from opset_atlas.execution import client, levels

    level = given.get("--level") or levels.of_stage(arguments[0])
    return client.run(arguments, level, Path(given["--log"]) if "--log" in given else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
