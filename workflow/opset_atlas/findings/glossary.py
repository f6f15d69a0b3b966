"""The words that are this project's own, for the report and docs/glossary.md (`document()`)."""

from __future__ import annotations

# Names between backticks are code.
WORDS = {
    "model": "What builds an `nn.Module`, with example inputs; or an ONNX file.",
    "exporter": (
        "What writes the file: `torchscript` (`torch.onnx.export` with `dynamo=False`), `dynamo`"
        " (with `dynamo=True`), or `converter` (`onnx.version_converter` on another one's file)."
    ),
    "cell": "One model through one exporter at one opset: a square of the matrix.",
    "sweep": "One model through one exporter at every opset: a row of the matrix.",
    "block": "A range of opsets whose files mean the same.",
    "requested and delivered opset": (
        "What the exporter was asked for, and what the file says that it is."
    ),
    "moved": (
        "Of a cell: the exporter returned normally, with another opset than requested. Of a metric:"
        " it is further from that of torch's outputs than its tolerance."
    ),
    "policy": (
        "Which setting is recommended among those that are right: torch's default, the widest reach"
        " or the fewest nodes."
    ),
    "target": "What has to read the files: a release of a runtime, or a bound on the opset.",
    "surprise": "A file that was reported as a success and is not what was asked for.",
    "reference": (
        "The outputs of the module itself, in its own type and in float64, on every input set."
    ),
    "input set": "One set of tensors that every file is run on: random, zeros, ones, large.",
    "unit of rounding (u)": (
        "`eps · max|y64|`: what one rounding can change in an output, `y64` in float64."
    ),
    "noise": "What rounding alone changes: torch's own distance from its float64 result.",
    "parity": "How far a file's outputs are from the reference, and the verdict on that.",
    "metric": "A function of yours that says how well outputs do the model's job, such as top-1.",
    "change": "A difference between the graphs of two cells, with its cause.",
    "cause": (
        "Why there is a change: the `schema` of an operator, the `replacement` of what an opset"
        " cannot express, a choice of the `exporter` or `converter`, or `unexplained`."
    ),
    "canonical": (
        "Of a file: without what does not matter to its meaning, such as doc strings and folders."
    ),
}


def document() -> str:
    """The words as a table in Markdown."""
    rows = [f"| **{word}** | {_cell(meaning)} |" for word, meaning in WORDS.items()]
    return "\n".join(["| word | meaning |", "|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
