"""The pictures of the documentation, from a finished default run: `make pictures`.

Needs Chromium, and for the graph of the rules graphviz.
"""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
REPORT = Path("results/report/index.html")
PAIR = Path("results/report/pairs/simple_model/torchscript-12-13.html")
SIZE = {"width": 1280, "height": 960}
TALL = {"width": 1280, "height": 9600}  # nothing scrolls, so that headings are where they belong
COLUMNS = 100
MODELS = "simple_model softmax_inner_axis scatter_add_duplicates layer_norm sum_inner_axis"
# Parts of the report's first page, by the picture that shows them.
PARTS = {
    "matrix": "#matrix table",
    "case": "#case",
    "softmax": "#surprises li[data-model=softmax_inner_axis]",
    "scatter": "#surprises li[data-model=scatter_add_duplicates][data-exporter=torchscript]",
}

# The matrix of these models alone; the whole one is in the report.
_ONLY = """models => document.querySelectorAll('#matrix tbody').forEach(body => {
  body.hidden = !models.includes(body.querySelector('.id').textContent)
})"""


def main() -> None:
    """Draw the rule graph, and take pictures of the report and of the console."""
    _rule_graph()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(REPORT.resolve().as_uri())
        page.screenshot(path=DOCS / "report.png")
        page.set_viewport_size(TALL)  # type: ignore[arg-type]
        page.evaluate("document.querySelector('.bar').hidden = true")  # it would cover what follows
        page.evaluate(_ONLY, MODELS.split())
        for name, place in PARTS.items():
            page.locator(place).first.screenshot(path=DOCS / f"{name}.png")
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        page.goto(PAIR.resolve().as_uri())
        page.screenshot(path=DOCS / "pair.png", full_page=True)
        _console(browser.new_page(), DOCS / "console.png")  # the report's own forbids other styles
        browser.close()


def _rule_graph() -> None:
    """How the rules hang together, where graphviz is installed; nothing else here needs it."""
    if shutil.which("dot") is None:
        print("rulegraph.svg stays as it is: dot (graphviz) is not installed")
        return
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot"]
    graph = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    layout = ["-Grankdir=LR", "-Gbgcolor=white", "-Gmargin=0.2"]
    subprocess.run(["dot", *layout, "-Tsvg", "-o", DOCS / "rulegraph.svg"], input=graph, check=True)


def _console(page: Page, path: Path) -> None:
    """What a terminal shows at the end of the run; a call with nothing to do says it again."""
    shown = _in_a_terminal([sys.executable, "-m", "snakemake", "--cores", "1"])
    lines = shown.replace("\r\n", "\n").replace(str(Path.cwd()), "~/opset-atlas").splitlines()
    start = next(number for number, line in enumerate(lines) if " exports: " in line)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere)
        console.print(Text.from_ansi("\n".join(lines[start:])))
    page.set_content(console.export_html(inline_styles=True))
    page.add_style_tag(content="pre { display: inline-block; margin: 0; padding: 1em }")
    page.locator("pre").screenshot(path=path)


def _in_a_terminal(command: list[str]) -> str:
    """All that a command writes to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    for name in ("CI", "NO_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # Linux says the end of a terminal so
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    if process.wait():
        sys.exit(b"".join(parts).decode(errors="replace"))
    return b"".join(parts).decode()


if __name__ == "__main__":
    main()
