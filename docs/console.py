"""How much a run writes, and how its console looks: `make console`.

Runs the default configuration three times from nothing, in a folder of its own: as plain Snakemake
into a pipe, with the console into a pipe, and with the console in a terminal. Prints how many lines
each wrote and how long the longest was, and writes the last as docs/console.txt and, where there is
Chromium, docs/console.png.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT / "tests"))

from builders import terminal  # noqa: E402
from builders.project import PARTS  # noqa: E402

COLUMNS = 100
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; display: inline-block; background: #16181d; color: #d7dae0; }}
pre {{ margin: 0; padding: 1.2rem 1.5rem; font: 13px/1.45 "DejaVu Sans Mono", monospace; }}
hr {{ border: 0; border-top: 1px dashed #4b5263; margin: 0 1.5rem; }}
.s1 {{ font-weight: bold; color: #fff; }} .s2 {{ color: #7f8794; }} .s31 {{ color: #ef7a83; }}
.s32 {{ color: #98c379; }} .s33 {{ color: #e5c07b; }}
</style><body><pre>{before}</pre><hr><pre>{after}</pre>"""


def main() -> None:
    """Run, count, and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", default="2")
    parser.add_argument("--configfile", type=Path, help="instead of the default configuration")
    options = parser.parse_args()
    given = ["--cores", options.cores]
    if options.configfile:
        given += ["--configfile", str(options.configfile.resolve())]
    print("| output | lines | longest line |\n|---|---|---|")
    for name, more in (
        ("Snakemake's own, in a pipe", ["--workflow-profile", "none"]),
        ("the console, in a pipe", []),
    ):
        with tempfile.TemporaryDirectory() as folder:
            count(name, piped(copy(folder), [*given, *more]))
    with tempfile.TemporaryDirectory() as folder:
        project = copy(folder)
        shown = terminal.run(command(given), project, environment(project), COLUMNS)
    count(f"the console, in a terminal of {COLUMNS} columns", "\n".join(shown.final()))
    here = str(project)
    text = "\n".join(recorded(shown)).replace(here, "/home/me/opset-atlas")
    (DOCS / "console.txt").write_text(text + "\n", encoding="utf-8")
    if chromium := shutil.which("chromium"):
        picture(shown.text.replace(here, "/home/me/opset-atlas"), chromium)


def copy(folder: str) -> Path:
    """The workflow in a folder."""
    project = Path(folder).resolve() / "opset-atlas"
    project.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, project / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, project / part)
    return project


def environment(project: Path) -> dict[str, str]:
    """That of this process, without what changes the console, and with the copy's own plug-in."""
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")}
    return {**kept, "PYTHONPATH": str(project / "workflow")}


def command(arguments: list[str]) -> list[str]:
    """Snakemake with arguments."""
    return [sys.executable, "-m", "snakemake", *arguments]


def piped(project: Path, arguments: list[str]) -> str:
    """What a run writes into a pipe."""
    return subprocess.run(
        command(arguments),
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def count(name: str, text: str) -> None:
    """A row of the table."""
    lines = text.splitlines()
    print(f"| {name} | {len(lines):,} | {max(map(len, lines)):,} characters |", flush=True)


def recorded(shown: terminal.Shown) -> Iterator[str]:
    """The line that changes, every other second with its time, and then what is left."""
    yield f"$ snakemake --cores 2        (a terminal of {COLUMNS} columns)"
    next_one = 0.0
    for moment, text in shown.moments:
        drawn = re.sub(r"\x1b\[[0-9;]*m", "", text).rpartition(terminal.ERASE)[2]
        if re.match(r"\d+/\d+  ", drawn) and moment >= next_one:
            yield f"{moment:5.1f} s  {drawn}"
            next_one = moment + 2.0
    yield "        then:"
    yield from shown.final()


def picture(text: str, chromium: str) -> None:
    """A screenshot of the terminal: in the middle of the run, and at its end."""
    from playwright.sync_api import sync_playwright

    lines = [line.rpartition(terminal.ERASE)[2] for line in text.replace("\r\n", "\n").split("\n")]
    drawn = [part for line in text.split("\n") for part in line.split(terminal.ERASE)]
    middle = [part for part in drawn if " left  export" in part] or drawn
    prompt = "$ make report\n"
    page = PAGE.format(
        before=prompt + colored(middle[len(middle) // 2]), after=prompt + colored("\n".join(lines))
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        view = browser.new_page(viewport={"width": 1000, "height": 400}, device_scale_factor=1.5)
        view.set_content(page)
        view.locator("body").screenshot(path=DOCS / "console.png")
        browser.close()


def colored(text: str) -> str:
    """Terminal colors as HTML."""
    parts = re.split(r"\x1b\[([0-9;]*)m", html.escape(text.strip()))
    out = [parts[0]]
    for code, part in zip(parts[1::2], parts[2::2], strict=True):
        names = " ".join(f"s{each}" for each in code.split(";") if each != "0")
        out.append(f'<span class="{names}">{part}</span>' if names else part)
    return "".join(out)


if __name__ == "__main__":
    main()
