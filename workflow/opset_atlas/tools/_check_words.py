"""What is known of one file, in words for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from opset_atlas.base.terminal import Terminal
from opset_atlas.graph.spelling import visible
from opset_atlas.records import CheckReport, DeclaredPort, Loader, OperatorUse, Signature
from opset_atlas.runtimes._gates import ONNXRUNTIME, oldest

OLDER = "https://onnxruntime.ai/docs/reference/compatibility.html"
_LONGEST = 2000


def text(report: CheckReport, terminal: Terminal) -> str:
    """The verdict and every problem; what loads the file; its interface; its operators."""
    parts = [
        _head(report, terminal),
        _loads(report, terminal),
        _interface(report, terminal),
        _operators(report, terminal),
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _head(report: CheckReport, terminal: Terminal) -> Iterator[str]:
    file, problems = report["file"], report["problems"]
    count = f"{len(problems)} problem" + "s" * (len(problems) != 1)
    said = count if problems else "nothing found"
    opsets = [f"opset {'none' if file['opset'] is None else file['opset']}"]
    opsets += [f"{visible(d)} {v}" for d, v in sorted(file["imports"].items()) if d]
    rest = [*opsets, f"IR {file['ir_version']}", _nodes(file["nodes"]), _bytes(report)]
    line = terminal.wrap(" · ".join([said, *rest]), "  ", "")
    yield terminal.paint(said, "bad" if problems else "good") + line.removeprefix(said)
    if file["producer"]:
        yield terminal.wrap(f"made by {visible(file['producer'], 200)}", "  ", "")
    for problem in problems:
        words = terminal.wrap(visible(problem, _LONGEST), "    ", "  ≠ ")
        yield words.replace("≠", terminal.paint("≠", "bad"), 1)


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"


def _bytes(report: CheckReport) -> str:
    size = float(report["size_bytes"])
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _loads(report: CheckReport, terminal: Terminal) -> Iterator[str]:
    yield terminal.paint("loads in", "strong")
    for loader in report["loaders"]:
        yield terminal.wrap(_loader(loader, report), "    ", "  ")
    yield terminal.wrap(_since(report), "    ", "  ")


def _since(report: CheckReport) -> str:
    """Since which release onnxruntime lets the file in, and whether the IR version decides it."""
    opset, ir_version = report["file"]["opset"] or 0, report["file"]["ir_version"]
    if opset < 7:
        return f"onnxruntime supports opsets from 7 on: {OLDER}"
    gate, without = oldest(opset, ir_version), oldest(opset, 0)
    if gate is None:
        return "no release of onnxruntime that was measured lets it in"
    told = f"onnxruntime {gate.version} and later let in opset {opset} and IR {ir_version}"
    if without and without != gate:
        cure = f"; IR {ir_version} alone keeps out {without.version}"
        return f"{told}{cure}, which lets in the same opset with ir_version = {without.ir_version}"
    return f"{told}; for older ones see {OLDER}" if gate == ONNXRUNTIME[0] else told


def _loader(loader: Loader, report: CheckReport) -> str:
    name = f"{loader['name']} {loader['version']}".strip()
    if not loader["version"]:
        return f"{name}: not installed, so the file was not run (pip install {name})"
    reads = ""
    if loader["opset"] is not None:
        reads = f"; it reads up to opset {loader['opset']} and IR {loader['ir_version']}"
    if loader["name"] == "onnx":
        verdict = "no, see above" if loader["problem"] else "yes"
        since = f", as do its releases from {loader['oldest']} on" if loader["oldest"] else ""
        return f"{name}: {verdict}{reads}{since if verdict == 'yes' else ''}"
    if loader["problem"] is None:
        return f"{name}: not tried{reads}"
    return f"{name}: {'no, see above' if loader['problem'] else 'yes, and it runs'}{reads}"


def _interface(report: CheckReport, terminal: Terminal) -> Iterator[str]:
    """What the file declares, beside what a run gave."""
    run = report["run"]
    gave = {each["name"]: each for each in run["outputs"]} if run else {}
    yield terminal.paint("declares", "strong")
    for role in ("inputs", "outputs"):
        for port in report["declared"][role]:  # type: ignore[literal-required]
            given = gave.get(port["name"]) if role == "outputs" else None
            words = f"{role[:-1]} {visible(port['name'])}: {_declared(port)}"
            words += f"; gives {_given(given)}" if given else ""
            yield terminal.wrap(words, "    ", "  ")
    if run and run["sizes"]:
        sizes = ", ".join(f"{visible(name)} = {size}" for name, size in run["sizes"].items())
        yield terminal.wrap(f"run with {sizes} (chosen; --size sets others)", "    ", "  ")


def _declared(port: DeclaredPort) -> str:
    sizes = port["shape"]
    shape = "…" if sizes is None else ",".join("?" if s is None else visible(str(s)) for s in sizes)
    return f"{port['dtype']}[{shape}]" if port["dtype"] else "no tensor"


def _given(port: Signature) -> str:
    return f"{port['dtype']}[{','.join(map(str, port['shape']))}]"


def _operators(report: CheckReport, terminal: Terminal) -> Iterator[str]:
    """Each operator in the version in force, and what its next version changes."""
    opset = report["file"]["opset"]
    yield terminal.paint(f"operators, as opset {opset} defines them", "strong")
    names = max((len(visible(use["operator"])) for use in report["operators"]), default=0)
    for use in report["operators"]:
        line = f"{visible(use['operator']):{names}}  {use['nodes']:>5}  {_next(use)}"
        yield terminal.wrap(line, " " * (names + 11), "  ").rstrip()
    changing = [u for u in report["operators"] if opset and u["following"] == opset + 1]
    own = [use for use in changing if not use["domain"]]
    if opset and own:
        yield ""
        words = ", ".join(f"{use['op']} ({_step(use)})" for use in own)
        yield terminal.wrap(f"Changed at opset {opset + 1}: {words}.", "  ", "")
    if own:
        use = max(own, key=lambda each: each["numeric"])
        yield f"More: opset-atlas op {use['op']} {opset} {use['following']}"


def _next(use: OperatorUse) -> str:
    if use["since"] is None:
        return "not defined by the installed onnx"
    if use["deprecated"]:
        return "deprecated"
    if use["following"] is None:
        return "its newest version"
    return f"next version: {use['following']} ({_step(use)})"


def _step(use: OperatorUse) -> str:
    return f"{use['summary']}; results can differ" if use["numeric"] else use["summary"]
