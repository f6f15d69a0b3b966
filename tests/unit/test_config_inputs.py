"""Inputs of any form, Python objects and paths in a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opset_atlas.config.reading import ConfigError, load
from opset_atlas.config.settings import resolve

X = {"name": "x", "shape": [2, 3]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text("class Net: ...\ndef act(x): ...\n")
    return tmp_path


def one(**changes: Any) -> dict[str, Any]:
    return {"models": {"m": {"factory": "models.py:Net", "inputs": [X], **changes}}}


def problems(config: dict[str, Any], root: Path) -> list[str]:
    try:
        resolve(config, root)
    except ConfigError as error:
        return [text.removeprefix("models.m.") for text in error.problems]
    return []


CALL = {
    "$call": "models.py:act",
    "args": [{"$tuple": [1]}],
    "kwargs": {"y": {"$python": "models.py:Net"}},
}
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a tensor without a shape": (
        {"inputs": [{"name": "y"}]},
        ["inputs[0].shape: is missing; expected a list of sizes"],
    ),
    "two forms at once": (
        {"inputs": [{"value": 1, "shape": [2], "name": "y"}]},
        ["inputs[0].shape: does not go with `value`; remove one of the two"],
    ),
    "a keyword inside of a nest": (
        {"inputs": [{"items": [{**X, "keyword": "a"}]}]},
        [
            "inputs[0].items[0].keyword: only an item at the top of the list is an argument; "
            "remove it"
        ],
    ),
    "a keyword twice": (
        {"inputs": [{**X, "keyword": "a"}, {"value": 1, "keyword": "a"}]},
        ['inputs[1].keyword: "a" is given twice'],
    ),
    "by position after a keyword": (
        {"inputs": [{**X, "keyword": "a"}, {"value": 1}]},
        [
            "inputs[1]: an argument by position follows one by keyword; give it a keyword, or "
            "move it"
        ],
    ),
    "a name twice, in a nest": (
        {"inputs": [X, {"items": {"k": X}}]},
        ['inputs[1].items.k.name: "x" is also the name of another input'],
    ),
    "a range in a nest": (
        {"inputs": [{"items": [{**X, "range": [2, 1]}]}]},
        ["inputs[0].items[0].range: expected [low, high] with low not above high, got [2, 1]"],
    ),
    "a dynamic axis in a nest": (
        {"inputs": [{"items": [X]}], "dynamic_shapes": {"x": {2: "n"}}},
        ["dynamic_shapes.x.2: expected an axis below 2, the rank of 'x', got 2"],
    ),
    "a sum that is not the size": (
        {"dynamic_shapes": {"x": {0: "n", 1: "n+2"}}},
        ["dynamic_shapes.x.1: 'n+2' is 4 and the size here is 3"],
    ),
    "a sum of something unknown": (
        {"dynamic_shapes": {"x": {0: "n", 1: "n+k"}}},
        ["dynamic_shapes.x.1: no dimension 'k', of which 'n+k' is made"],
    ),
    "sizes of a sum": (
        {"dynamic_shapes": {"x": {0: "n", 1: "n+1"}}, "dynamic_sizes": {"n+1": [4]}},
        ['dynamic_sizes["n+1"]: no dimension of `dynamic_shapes` has this name; expected one of n'],
    ),
    "a tuple of no list": (
        {"kwargs": {"k": {"$tuple": 3}}},
        ['kwargs.k["$tuple"]: expected a list, got 3'],
    ),
    "an object that is nowhere": (
        {"inputs": [{"value": [{"$python": "models.py:ack"}]}, X]},
        ["inputs[0].value[0][\"$python\"]: \"models.py\" defines no 'ack'; did you mean 'act'?"],
    ),
    "an object beside something": (
        {"kwargs": {"k": {"$python": "models.py:act", "kwargs": {}}}},
        ["kwargs.k.kwargs: does not go with $python; expected $python alone"],
    ),
    "an unknown sign": (
        {"kwargs": {"k": [{"$pyton": "models.py:act"}]}},
        ['kwargs.k[0]["$pyton"]: unknown; expected one of $tuple, $python, $call'],
    ),
    "arguments of a wrong kind": (
        {"kwargs": {"k": {"$call": "models.py:act", "args": 3, "kwargs": [3]}}},
        ["kwargs.k.args: expected a list, got 3", "kwargs.k.kwargs: expected a mapping, got [3]"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_what_was_expected(case: str, root: Path) -> None:
    changes, said = WRONG[case]
    assert problems(one(**changes), root) == said


def test_forms_that_are_right_stay_as_they_are(root: Path) -> None:
    items = [X, {"value": None}, {"keyword": "k", "items": {"a": {"value": CALL}}}]
    made = resolve(one(inputs=items, kwargs={"act": CALL}), root)
    (spec,) = made.models.values()
    assert spec.inputs == [{**X, "dtype": "float32", "range": None, "values": None}, *items[1:]]
    assert spec.kwargs == {"act": CALL} and spec.files == ["models.py"]
    assert resolve(made.as_config(), root) == made


def test_objects_are_tracked_by_file_and_package(root: Path) -> None:
    (root / "other.py").write_text("def act(x): ...\n")
    named = {"a": {"$python": "other.py:act"}, "b": [{"$call": "numpy:float32"}]}
    (spec,) = resolve(one(kwargs=named), root).models.values()
    assert spec.files[:2] == ["models.py", "other.py"] and set(spec.distributions) == {"numpy"}


def test_keys_that_begin_with_x_are_for_anchors(root: Path) -> None:
    (root / "c.yaml").write_text(
        "x-image: &image {name: x, shape: [2, 3]}\n"
        "models: {m: {factory: 'models.py:Net', inputs: [*image]}}\n"
    )
    loaded = load(root / "c.yaml", root=root)
    assert list(loaded) == ["models"] and not problems(loaded, root)


def test_paths_start_at_the_run_or_else_at_the_file(root: Path) -> None:
    below = root / "configs"
    below.mkdir()
    for name in ("own.py", "w.pt", "models.py"):
        (below / name).write_text("class Net: ...\n")
    (below / "c.yaml").write_text("""
models:
  own: &m {factory: 'own.py:Net', weights: w.pt, sources: [w.pt], inputs: 'own.py:Net',
           kwargs: {k: [{$python: 'own.py:Net'}]}}
  both: {<<: *m, factory: 'models.py:Net'}
  neither: {<<: *m, factory: 'no.py:Net'}
""")
    own, both, neither = load(below / "c.yaml", root=root)["models"].values()
    assert own == {
        "factory": "configs/own.py:Net",
        "weights": "configs/w.pt",
        "sources": ["configs/w.pt"],
        "inputs": "configs/own.py:Net",
        "kwargs": {"k": [{"$python": "configs/own.py:Net"}]},
    }
    assert both["factory"] == "models.py:Net" and neither["factory"] == "no.py:Net"


SHARED = {
    "sizes": {"batch": 2, "length": 6, "past": 3},
    "inputs": [
        {"name": "a", "shape": ["batch", "length"]},
        {"items": [{"name": "b", "shape": ["past+length", "batch", 4]}]},
        {"name": "c", "shape": ["past"]},
    ],
}


def test_inputs_share_a_size_by_name(root: Path) -> None:
    made = resolve(one(**SHARED, dynamic_shapes=["length", "batch"]), root)
    (spec,) = made.models.values()
    assert isinstance(spec.inputs, list)
    assert [spec.inputs[0]["shape"], spec.inputs[1]["items"][0]["shape"]] == [[2, 6], [9, 2, 4]]
    assert spec.dynamic_shapes == {
        "a": {"0": "batch", "1": "length"},
        "b": {"0": "3+length", "1": "batch"},
    }
    assert resolve(made.as_config(), root) == made


VALUES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown size": (
        {**SHARED, "sizes": {"batch": 2, "lenght": 6, "past": 3}},
        [
            "inputs[0].shape[1]: no size \"length\" in `sizes`; did you mean 'lenght'?",
            "inputs[1].items[0].shape[0]: no size \"length\" in `sizes`; did you mean 'lenght'?",
        ],
    ),
    "an unknown dynamic size": (
        {**SHARED, "dynamic_shapes": ["width"]},
        ['dynamic_shapes[0]: no size "width" in `sizes`; expected one of batch, length, past'],
    ),
    "names for a callable": (
        {"inputs": "models.py:act", "dynamic_shapes": ["n"]},
        [
            "dynamic_shapes: expected {input: {axis: name}}: only the shapes of a list of inputs "
            "have names"
        ],
    ),
    "two generators": (
        {"inputs": [{**X, "values": {"one_hot": True, "positions": 1}}]},
        [
            "inputs[0].values: expected one of choice, padding_mask, tokens, boxes, one_hot, "
            'sorted, positions, got {"one_hot": true, "positions": 1}'
        ],
    ),
    "an unknown generator": (
        {"inputs": [{**X, "values": {"onehot": True}}]},
        ["inputs[0].values.onehot: unknown key; did you mean 'one_hot'?"],
    ),
    "boxes of another shape": (
        {"inputs": [{**X, "values": {"boxes": [3, 4]}}]},
        [
            "inputs[0].values.boxes: makes [x1, y1, x2, y2]; expected a shape that ends in 4, "
            "got [2, 3]"
        ],
    ),
    "tokens without a range": (
        {"inputs": [{**X, "values": {"tokens": {"first": 1}}}]},
        ["inputs[0].values.tokens: expected an integer `dtype` and a `range` of ids"],
    ),
    "tokens of an unknown mask": (
        {"inputs": [{**X, "dtype": "int64", "range": [0, 9], "values": {"tokens": {"mask": "y"}}}]},
        ["inputs[0].values.tokens.mask: no such input; expected one of x"],
    ),
    "a mask of another shape": (
        {
            "inputs": [
                {**X, "dtype": "int64", "range": [0, 9], "values": {"tokens": {"mask": "y"}}},
                {"name": "y", "shape": [3]},
            ]
        },
        ["inputs[0].values.tokens.mask: expected another input of shape [2, 3], got [3]"],
    ),
    "a value of another type": (
        {"inputs": [{**X, "dtype": "uint8", "values": {"choice": [1, 256]}}]},
        ["inputs[0].values.choice: expected whole numbers from 0 to 255 for uint8, got 256"],
    ),
    "ragged lists": (
        {"inputs": [{**X, "values": [[1, 2, 3], [4]]}]},
        ["inputs[0].values: expected lists of one length at each level, got [[1, 2, 3], [4]]"],
    ),
    "too deep": (
        {"inputs": [{"name": "x", "shape": [2], "values": [[1, 2]]}]},
        ["inputs[0].values: expected at most 1 levels for the shape [2], got 2"],
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_that_do_not_fit_are_named(case: str, root: Path) -> None:
    changes, said = VALUES[case]
    assert problems(one(**changes), root) == said


@pytest.fixture
def files(root: Path) -> Path:
    (root / "data").mkdir()
    for name in ("data/b.npz", "data/a.safetensors", "data/.c.npz", "photo.jpg", "net.onnx"):
        (root / name).write_bytes(b"x")
    return root


def test_files_are_found_in_order_and_tracked(files: Path) -> None:
    for given in ("data", "data/*", ["data/a.safetensors", "data"]):
        made = resolve(one(inputs={"files": given}), files)
        (spec,) = made.models.values()
        found = ["data/a.safetensors", "data/b.npz"]
        assert spec.inputs == {"files": found, "transform": None}
        assert spec.files == ["models.py", *found]
        assert resolve(made.as_config(), files) == made
    inputs = {"files": "photo.jpg", "transform": "models.py:act"}
    (spec,) = resolve(one(inputs=inputs), files).models.values()
    assert spec.files == ["models.py", "photo.jpg"]
    of_file = {"models": {"m": {"onnx": "net.onnx", "inputs": {"files": "data"}}}}
    made = resolve(of_file, files)
    assert resolve(made.as_config(), files) == made
    (files / "configs/data").mkdir(parents=True)
    (files / "configs/data/z.npz").write_bytes(b"x")
    text = "models: {m: {factory: 'models.py:Net', inputs: {files: 'data/z*.npz'}}}"
    (files / "configs/c.yaml").write_text(text)
    (model,) = load(files / "configs/c.yaml", root=files)["models"].values()
    assert model["inputs"] == {"files": "configs/data/z*.npz"}


FILES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "none": ({"inputs": {"files": "dat/*"}}, ['inputs.files: no such files: "dat/*"']),
    "of an unknown kind": (
        {"inputs": {"files": ["data", "photo.jpg"]}},
        [
            "inputs.files[1]: expected files that end in .npz, .safetensors, .pt, .pth, or a "
            '`transform` that reads them; got "photo.jpg"'
        ],
    ),
    "an unknown transform": (
        {"inputs": {"files": "photo.jpg", "transform": "models.py:atc"}},
        ["inputs.transform: \"models.py\" defines no 'atc'; did you mean 'act'?"],
    ),
    "a transform for an ONNX file": (
        {"inputs": {"files": "data", "transform": "models.py:act"}, "onnx": "net.onnx"},
        ["inputs.transform: does not apply to a model that is an ONNX file; remove it"],
    ),
    "without files": (
        {"inputs": {"file": "data"}},
        [
            "inputs.file: unknown key; did you mean 'files'?",
            "inputs.files: is missing; expected the path of a file or a list of files",
        ],
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_cannot_be_inputs_are_named(case: str, files: Path) -> None:
    changes, said = FILES[case]
    config = one(**changes)
    if "onnx" in changes:
        del config["models"]["m"]["factory"]
    assert problems(config, files) == said
