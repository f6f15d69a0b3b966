"""Check configuration files without running anything, or print the documentation of their keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opset_atlas.config.schema import document
from opset_atlas.config.settings import PACKAGE, ConfigError, load, resolve
from opset_atlas.tools import _command


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("check_config", __doc__, "  opset-atlas check_config mine.yaml")
    parser.add_argument("files", nargs="*", metavar="FILE", help="later ones override earlier")
    parser.add_argument("--root", type=Path, default=Path(), help="where relative paths start")
    parser.add_argument("--print", action="store_true", help="print the settings, completed")
    parser.add_argument("--document", action="store_true", help="print the keys as Markdown tables")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line: check files, or print the documentation of the keys."""
    options = parser().parse_args(arguments)
    if options.document:
        print(document(PACKAGE))
        return 0
    if not options.files:
        parser().error("expected at least one FILE")
    try:
        root = options.root.resolve()
        settings = resolve(load(options.files, root=root), root)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for notice in settings.notices:
        print(f"note: {notice}", file=sys.stderr)
    if options.print:
        import yaml

        print(yaml.safe_dump(settings.as_config(), sort_keys=False, allow_unicode=True), end="")
    else:
        models = settings.models.values()
        cells = sum(len(model.exporters) * len(model.opsets) for model in models)
        print(f"ok: {len(models)} models, {cells} cells")
    return 0


if __name__ == "__main__":
    sys.exit(main())
