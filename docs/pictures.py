"""The pictures of the documentation, from a finished run: `make pictures`.

Needs graphviz and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
REPORT = Path("results/report/index.html")
PAIR = Path("results/report/pairs/simple_model/torchscript-12-13.html")
SIZE = {"width": 1280, "height": 960}


def main() -> None:
    """Draw the rule graph and take screenshots of the report."""
    dot = subprocess.run(
        [sys.executable, "-m", "snakemake", "--rulegraph", "dot"],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    layout = ["-Grankdir=LR", "-Gbgcolor=white", "-Gmargin=0.2"]
    subprocess.run(["dot", *layout, "-Tsvg", "-o", DOCS / "rulegraph.svg"], input=dot, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(REPORT.resolve().as_uri())
        page.screenshot(path=DOCS / "report.png")
        page.evaluate("document.querySelector('.bar').hidden = true")  # it would cover the case
        page.locator("#case").screenshot(path=DOCS / "case.png")
        page.goto(PAIR.resolve().as_uri())
        page.screenshot(path=DOCS / "pair.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
