"""docs/real-reports.md from docs/real-reports.yaml: `python docs/real_reports.py`.

`python docs/real_reports.py --check RESULTS` checks the facts of that file against a finished run
of config/reports.yaml, lists those that do not hold, and exits with status 1 if there are any.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

DOCS = Path(__file__).parent
DATA, PAGE = DOCS / "real-reports.yaml", DOCS / "real-reports.md"
VERDICTS = {"answered": "●", "partly": "◐", "missed": "○"}
# Text columns must contain the words of a fact; the others must equal it.
TEXT = {"detail", "explanation", "sentence", "why", "avoid_why"}

Report = Mapping[str, Any]
Fact = Mapping[str, Any]

INTRODUCTION = """\
# What people ask about exports

{count} public reports about files that torch exports: what each asks, a module of our own that
shows it, and the answer that the report of a run gives. The modules in
[workflow/reports](../workflow/reports) are written from scratch; all of them run with

```sh
snakemake --cores 4 --configfile config/reports.yaml
```

A report is *answered* (●) where the recommendation, the matrix, the surprises, a model's page or
the tables give the cause or the way out; *partly* (◐) where they show it and do not say it;
*missed* (○) where they do neither. Many reports are years old and their defect is fixed since: then
the answer is that the files are right. Versions are those of the lock. The addresses were found in
stored copies of trackers, forums and pages, and not opened from here.

**{tally}.**
"""
GENERATED = """
This page is generated from `docs/real-reports.yaml` by `python docs/real_reports.py`, which also
holds every fact behind it against a run (`--check results`); a test does both.
"""


def main() -> None:
    """Write the page, or check the facts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=Path, metavar="RESULTS", help="a run's folder of results")
    options = parser.parse_args()
    kinds = read()
    if options.check is None:
        PAGE.write_text(page(kinds), encoding="utf-8")
        return
    failed = list(unmet(kinds, options.check))
    print("\n".join(failed) or f"{sum(len(r['facts']) for r in reports(kinds))} facts hold")
    sys.exit(1 if failed else 0)


def read() -> list[dict[str, Any]]:
    """The reports by kind."""
    kinds: list[dict[str, Any]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return kinds


def reports(kinds: Sequence[Mapping[str, Any]]) -> list[Report]:
    """All reports in the order of the page."""
    return [report for kind in kinds for report in kind["reports"]]


def page(kinds: Sequence[Mapping[str, Any]]) -> str:
    """The page as Markdown."""
    everything = reports(kinds)
    counts = Counter(report["verdict"] for report in everything)
    tally = ", ".join(f"{counts[name]} {name}" for name in VERDICTS)
    share = f"{100 * counts['answered'] / len(everything):.0f} % answered"
    parts = [INTRODUCTION.format(count=len(everything), tally=f"{tally}: {share}")]
    for kind in kinds:
        parts.append(f"## {kind['kind']}\n\n{_table(kind['reports'])}\n")
    parts.append(f"## Not answered, or not in full\n\n{_gaps(everything)}\n{GENERATED}")
    return "\n".join(parts)


def _table(rows: Sequence[Report]) -> str:
    lines = ["| | report | asks | module | answer |", "|---|---|---|---|---|"]
    for row in rows:
        links = ", ".join(f"[{named(url)}]({url})" for url in [row["source"], *row.get("also", [])])
        module = f"[{row['model']}](../workflow/reports/{row['model']}.py)"
        cells = [VERDICTS[row["verdict"]], links, row["asked"], module, row["answer"]]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines)


def _gaps(rows: Sequence[Report]) -> str:
    return "\n".join(
        f"- {row['verdict']}, {row['model']}: {row['gap']}" for row in rows if "gap" in row
    )


def named(url: str) -> str:
    """The text of a link: the issue of a repository, else the host."""
    place = urlsplit(url)
    found = re.fullmatch(r"/([^/]+)/([^/]+)/(?:issues|pull)/(\d+)", place.path)
    if place.hostname != "github.com" or found is None:
        return (place.hostname or url).removeprefix("www.")
    owner, repository, number = found.groups()
    return f"{repository}#{number}" if owner == repository else f"{owner}/{repository}#{number}"


def unmet(kinds: Sequence[Mapping[str, Any]], results: Path) -> Iterator[str]:
    """A line for each fact that does not hold in a run's results."""
    table = cache(lambda name: _rows(results, name))
    for report in reports(kinds):
        for fact in report["facts"]:
            [(name, wanted)] = fact.items()
            if name == "page":
                held = wanted in _words(results / f"report/models/{report['model']}.html")
            else:
                wanted = {"model": report["model"], **wanted}
                held = any(_has(row, wanted) for row in table(name))
            if not held:
                yield f"{report['model']}: {name} has no {wanted}"


def _rows(results: Path, name: str) -> list[dict[str, Any]]:
    path = results / "tables" / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _has(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        str(value) in str(row[key] or "") if key in TEXT else row[key] == value
        for key, value in wanted.items()
    )


def _words(path: Path) -> str:
    text = re.sub(r"<[^>]*>", "", path.read_text(encoding="utf-8"))
    return " ".join(html.unescape(text).split())


if __name__ == "__main__":
    main()
