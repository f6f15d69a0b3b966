"""Check that equal differences have the same cause in every model.

`python tools/one_cause.py RESULTS…`

Groups the changes of finished runs by what differs (operator, parameter, how each side is supplied,
the two opsets) and lists every group with more than one cause; the exit status is 1 if there are
any. Neutral differences and those that can matter are never equal. The exporter's choice and the
converter's count as the same cause, since both mean that no schema required the change.

    python tools/one_cause.py results             # reads the records of the comparison
    python tools/one_cause.py results --again     # compares the run's dumps with the current code
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from opset_atlas.base.files import read_json
from opset_atlas.records import Change, CompareRecord
from opset_atlas.stages.compare import compare_model

_GIVEN = re.compile(r"(?:\b(constant|initializer|computed|an empty tensor) )?\b\w+\[[^\]]*\]")
_INPUT = re.compile(r"\bthe input \S+")
_NUMBER = re.compile(r"(?<![\w.])(-?)\d[\d.]*(?:e[+-]?\d+)?(?![\w.])")
_LIST = re.compile(r"\[[^\[\]]*\]")
_CHOICE = {"converter": "choice", "exporter": "choice"}


class Group(NamedTuple):
    """What equal differences have in common; `before` and `after` are kinds, not values."""

    op: str
    parameter: str
    kind: str
    before: str
    after: str
    opsets: str
    neutral: bool


Found = tuple[str, Change]  # where a change is: model × exporter


def kind_of(words: str) -> str:
    """How a side is given, without shapes and values: `constant n`, `attribute [-n]`, `2 Mul`."""
    if re.fullmatch(r"(\d+ )?[A-Z]\w*(, (\d+ )?[A-Z]\w*)*", words):
        return words  # operators
    words = _INPUT.sub("the input", words)
    words = _GIVEN.sub(lambda found: found[1] or "", words)
    words = re.sub(r"sha256:\w+", "n", words)
    words = _NUMBER.sub(lambda found: f"{found[1]}n", words)
    while (
        shorter := _LIST.sub(lambda f: "list with -n" if "-n" in f[0] else "list", words)
    ) != words:
        words = shorter
    return " ".join(words.split())


def grouped(records: Iterable[CompareRecord]) -> dict[Group, list[Found]]:
    """Every change between neighboring opsets, by its group."""
    groups: dict[Group, list[Found]] = defaultdict(list)
    for record in records:
        for exporter, sweep in record["sweeps"].items():
            for step in sweep["steps"]:
                opsets = f"{step['from_opset']} → {step['to_opset']}"
                for change in step["changes"]:
                    groups[group_of(change, opsets)].append(
                        (f"{record['model']} × {exporter}", change)
                    )
    return groups


def group_of(change: Change, opsets: str) -> Group:
    """The group of a change."""
    return Group(
        "::".join(filter(None, [change["domain"], change["op_type"]])),
        change["parameter"],
        change["kind"],
        kind_of(change["before"]),
        kind_of(change["after"]),
        opsets,
        change["neutral"],
    )


def causes(found: Iterable[Found]) -> Counter[str]:
    """The causes in a group."""
    return Counter(_CHOICE.get(change["cause"], change["cause"]) for _, change in found)


def contested(groups: Mapping[Group, list[Found]]) -> dict[Group, list[Found]]:
    """The groups with more than one cause."""
    return {group: found for group, found in groups.items() if len(causes(found)) > 1}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="+", help="results folders of finished runs")
    parser.add_argument("--again", action="store_true", help="compare the dumps again")
    options = parser.parse_args(arguments)
    groups = grouped(record for each in options.results for record in _records(each, options.again))
    several = contested(groups)
    changes = sum(map(len, groups.values()))
    print(f"{changes} changes in {len(groups)} groups, {len(several)} with more than one cause")
    for group, found in several.items():
        print(f"\n{group.op} {group.parameter} ({group.kind}), {group.opsets}:", end=" ")
        print(f"{group.before} → {group.after}: {dict(causes(found))}")
        for place, change in found:
            print(f"  {place}: {change['cause']}: {change['explanation']}")
    return int(bool(several))


def _records(results: Path, again: bool) -> Iterator[CompareRecord]:
    for path in sorted((results / ("dump" if again else "compare")).glob("*/record.json")):
        export = results / "export" / path.parent.name
        yield compare_model(path.parent, export) if again else read_json(path, "compare")


if __name__ == "__main__":
    sys.exit(main())
