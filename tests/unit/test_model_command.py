"""`opset-atlas model`: from options to a configuration, and what is said of mistakes in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from opset_atlas.execution import environments
from opset_atlas.tools import model

NET = """
class Net: ...
def inputs(seed): ...
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file that defines a model, where nothing that is needed is missing."""
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model, "NEEDED", ())
    return tmp_path


def configured(*words: str, folder: str = ".") -> dict[str, Any]:
    options = model.parser().parse_args([*words, "--output", folder])
    found: dict[str, Any] = yaml.safe_load(model._checked(options, Path(folder).resolve()))
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1,3,224,224", {"name": "input", "shape": [1, 3, 224, 224]}),
        ("7", {"name": "input", "shape": [7]}),
        ("x:2,5", {"name": "x", "shape": [2, 5]}),
        ("scale:", {"name": "scale", "shape": []}),
        ("ids:int64:1,16", {"name": "ids", "shape": [1, 16], "dtype": "int64"}),
        (
            "ids:int64:1,16:0..999",
            {"name": "ids", "shape": [1, 16], "dtype": "int64", "range": [0, 999]},
        ),
        ("x:2,5:-1.5..1.5", {"name": "x", "shape": [2, 5], "range": [-1.5, 1.5]}),
    ],
)
def test_an_input(here: Path, given: str, expected: dict[str, Any]) -> None:
    assert configured("net.py:Net", "--input", given)["models"]["Net"]["inputs"] == [expected]


def test_inputs_are_named_in_their_order_or_made_by_a_function(here: Path) -> None:
    several = configured("net.py:Net", "--input", "1,2", "--input", "y:3", "--input", "4")
    assert [each["name"] for each in several["models"]["Net"]["inputs"]] == [
        *("input", "y", "input_2")
    ]
    made = configured("net.py:Net", "--input", "net.py:inputs")
    assert made["models"]["Net"]["inputs"] == "net.py:inputs"


def test_everything_else_that_can_be_said(here: Path) -> None:
    (here / "w.pt").touch()
    words = "--input x:1,8 --opsets 20,13-15 --exporters dynamo --runtimes onnxruntime,reference"
    words += " --weights w.pt --dynamic x:0=batch,1=length --kwargs width=8 rate=1e-5 name=a"
    found = configured("net.py:Net", *words.split(), "sizes=[1, 2]")
    own = found.pop("models")["Net"]
    assert found == {
        "opsets": [13, 14, 15, 20],
        "exporters": ["dynamo"],
        "runtimes": ["onnxruntime", "reference"],
    }
    assert own["kwargs"] == {"width": 8, "rate": 1e-5, "name": "a", "sizes": [1, 2]}
    assert own["weights"] == "w.pt"
    assert own["dynamic_shapes"] == {"x": {"0": "batch", "1": "length"}}


def test_files_are_named_as_seen_from_the_folder_of_the_results(here: Path) -> None:
    (here / "a b.onnx").touch()
    deep = configured("net.py:Net", "--input", "net.py:inputs", folder="out/deep")
    assert deep["models"]["Net"] == {
        "factory": "../../net.py:Net",
        "inputs": "../../net.py:inputs",
    }
    assert not (here / "out").exists()
    assert configured("a b.onnx", folder="out")["models"] == {"a_b": {"onnx": "../a b.onnx"}}
    module = configured("json:JSONDecoder", "--input", "1", folder="out")
    assert module["models"]["JSONDecoder"]["factory"] == "json:JSONDecoder"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("net.py:Net", "expected --input"),
        ("net.py:Net --input a:b:c", "--input a:b:c: expected SHAPE, NAME:SHAPE"),
        ("net.py:Net --input :1", "--input :1: expected SHAPE"),
        ("net.py:Net --input net.py:inputs --input 1", "returns all tensors"),
        ("net.py:Net --input x:in64:2", "did you mean 'int64'?"),
        ("net.py:Net --input 1 --opsets 13-", "--opsets 13-: expected numbers and ranges"),
        ("net.py:Net --input 1 --exporters script", "expected one of converter, dynamo"),
        ("net.py:Net --input 1 --kwargs 3", "--kwargs 3: expected KEY=VALUE"),
        ("net.py:Net --input 1 --dynamic 0", "--dynamic 0: expected NAME:AXIS=DIMENSION"),
        ("net.py:Net --input 1 --dynamic y:0=b", "no such input; expected one of input"),
        ("net.py:Nett --input 1", "did you mean 'Net'?"),
        ("other.py:Net --input 1", 'no such file: "other.py"'),
        ("no_module:Net --input 1", "no module 'no_module' is installed or in the project"),
        ("net.onnx", 'no such ONNX file: "net.onnx"'),
    ],
)
def test_a_mistake_is_named_before_anything_starts(
    here: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model.main(words.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("opset-atlas model: ") and said in error
    assert [path.name for path in here.iterdir()] == ["net.py"]


def test_results_of_something_else_are_left_alone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "results").mkdir()
    (here / "results/mine.txt").touch()
    assert model.main(["net.py:Net", "--input", "1"]) == 2
    assert "has files of something else; name a folder: --output" in capsys.readouterr().err
    assert [path.name for path in (here / "results").iterdir()] == ["mine.txt"]


def test_what_is_missing_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "opset_atlas", "model", "net.py:Net", "--input", "1"],
        cwd=tmp_path,
        env={**os.environ, **environments.variables()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "which needs torch, snakemake, onnxruntime" in done.stderr
    assert "pip install 'opset-atlas[workflow]'" in done.stderr
    assert not any(tmp_path.iterdir())


def test_the_folder_of_the_workflow_has_the_snakefile() -> None:
    assert (model.workflow() / "Snakefile").is_file()
    assert (model.workflow() / "profiles/default/profile.yaml").is_file()
