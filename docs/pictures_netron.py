"""The same two files in Netron, for docs/report.md: `pip install netron`, then this.

Netron serves each file on the loopback interface; Chromium opens it, selects Resize and takes a
screenshot. Requests of Netron to other hosts are blocked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import netron
from playwright.sync_api import sync_playwright

CELLS = Path("results/export/simple_model/torchscript/cells")
DOCS = Path(__file__).parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main() -> None:
    """One picture per opset."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for port, opset in ((18081, 11), (18082, 13)):
            address = netron.start(
                str(CELLS / f"opset_{opset}.onnx"), address=("127.0.0.1", port), browse=False
            )
            page = browser.new_page(viewport={"width": 760, "height": 640})
            page.route(lambda url: "127.0.0.1" not in url, lambda route: route.abort())
            page.goto("http://{}:{}/".format(*address))
            page.get_by_role("button", name="Accept").click()
            page.get_by_text("Resize", exact=True).first.click()
            page.wait_for_timeout(1_000)
            page.screenshot(path=DOCS / f"netron-{opset}.png")
            netron.stop(address)
        browser.close()


if __name__ == "__main__":
    main()
