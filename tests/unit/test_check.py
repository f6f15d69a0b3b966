"""`opset-atlas check`: one file, read and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import onnx.parser
import pytest
from opset_atlas.base.terminal import Terminal
from opset_atlas.runtimes._gates import ONNXRUNTIME, oldest
from opset_atlas.tools import _check_words, _command, check

SCHEMA = Path(check.__file__).parents[1] / "schemas" / "records" / "check.schema.json"


def write(folder: Path, body: str, opset: int = 17, ir: int = 8, result: str = "2,3") -> Path:
    model = onnx.parser.parse_model(
        f'<ir_version: {ir}, opset_import: ["" : {opset}]> g (float[2,3] x)'
        f" => (float[{result}] y) {{ {body} }}"
    )
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def report(
    capsys: pytest.CaptureFixture[str], path: Path, *arguments: str
) -> tuple[int, dict[str, Any]]:
    status = check.main([str(path), "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    return status, found


def test_a_file_with_nothing_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "y = Relu(x)")
    status, found = report(capsys, path)
    assert (status, found["problems"]) == (0, [])
    onnx_, onnxruntime = found["loaders"]
    assert (onnx_["oldest"], onnx_["problem"]) == ("1.12.0", "")
    assert (onnxruntime["oldest"], onnxruntime["problem"]) == ("1.15", "")
    assert found["run"]["outputs"] == [{"name": "y", "dtype": "float32", "shape": [2, 3]}]
    assert check.main([str(path)]) == 0
    assert capsys.readouterr().out.startswith("nothing found · opset 17 · IR 8 · 1 node · ")


def test_what_it_declares_is_compared_with_what_it_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "n = Constant<value_ints = [2, 3]>() s = Identity(n) y = Reshape(x, s)"
    status, found = report(capsys, write(tmp_path, body, result="2,4"))
    assert status == 1
    assert "axis 1 of `y` is declared as 4 and is 3" in found["problems"]


def test_the_checker_and_the_runtime_are_quoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = report(capsys, write(tmp_path, "y = Relu<wrong = 1>(x)"))
    assert status == 1
    assert [problem.partition(":")[0] for problem in found["problems"]] == [
        "onnx.checker",
        "onnxruntime cannot load model.onnx",
    ]
    assert report(capsys, write(tmp_path, "y = Relu<wrong = 1>(x)"), "--no-run")[1]["run"] is None


def test_a_rank_that_the_specification_excludes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = (
        "deep = Constant<value_ints = [1, 1, 1, 2, 3]>()"
        " grid = Constant<value_ints = [1, 1, 2, 3, 3]>()"
        " a = Reshape(x, deep) g = ConstantOfShape(grid) b = GridSample(a, g)"
        " flat = Constant<value_ints = [2, 3]>() y = Reshape(b, flat)"
    )
    status, found = report(capsys, write(tmp_path, body))
    assert status == 1
    assert {row["parameter"] for row in found["departures"]} == {"X", "grid"}
    start = "GridSample-16 takes X of rank 5; the specification says: "
    assert any(problem.startswith(start) for problem in found["problems"])


def test_what_the_next_versions_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "s = Softmax<axis = 1>(x) a = Relu(s) y = Relu(a)", opset=12)
    _, found = report(capsys, path)
    uses = {use["operator"]: use for use in found["operators"]}
    assert list(uses) == ["Relu-6", "Softmax-11"]
    assert (uses["Relu-6"]["nodes"], uses["Relu-6"]["following"]) == (2, 13)
    assert uses["Softmax-11"]["numeric"] and uses["Softmax-11"]["following"] == 13
    assert check.main([str(path)]) == 0
    out = capsys.readouterr().out
    assert "Changed at opset 13: Relu (types only), Softmax (" in out
    assert out.endswith("More: opset-atlas op Softmax 12 13\n")


def test_an_ir_version_that_alone_keeps_releases_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(write(tmp_path, "y = Relu(x)", ir=10)), "--no-run"]) == 0
    out = capsys.readouterr().out
    assert "onnxruntime 1.18 and later let in opset 17 and IR 10" in out
    assert "IR 10 alone keeps out 1.15" in out and "with ir_version = 9" in out


def test_gates_only_open_and_the_installed_release_is_one() -> None:
    import onnxruntime

    assert [g.opset for g in ONNXRUNTIME] == sorted(g.opset for g in ONNXRUNTIME)
    assert [g.ir_version for g in ONNXRUNTIME] == sorted(g.ir_version for g in ONNXRUNTIME)
    assert onnxruntime.__version__.rpartition(".")[0] in {g.version for g in ONNXRUNTIME}
    assert oldest(99, 3) is None


def test_the_gate_of_the_installed_release(tmp_path: Path) -> None:
    import onnxruntime

    gate = next(g for g in ONNXRUNTIME if onnxruntime.__version__.startswith(f"{g.version}."))
    onnxruntime.set_default_logger_severity(4)

    def loads(opset: int, ir: int) -> bool:
        path = write(tmp_path, "y = Relu(x)", opset, ir)
        try:
            onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception:
            return False
        return True

    assert loads(gate.opset, gate.ir_version)
    assert not loads(gate.opset + 1, 8) and not loads(17, gate.ir_version + 1)


def test_without_onnxruntime_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_command, "runs", lambda: False)
    monkeypatch.setattr("opset_atlas.execution.environments.version", lambda name: None)
    assert check.main([str(write(tmp_path, "y = Relu(x)"))]) == 0
    out = capsys.readouterr().out
    assert "onnxruntime: not installed, so the file was not run (pip install onnxruntime)" in out


@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_what_is_no_model_is_refused(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.onnx"
    if content is not None:
        path.write_bytes(content)
    assert check.main([str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"opset-atlas check: {path} cannot be read: ")


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_terminal(width: int, tmp_path: Path) -> None:
    path = write(tmp_path, "y = Softmax<wrong = 1, axis = 1>(x)", opset=11, ir=10)
    found = check._report(check.parser().parse_args([str(path)]))
    lines = _check_words.text(found, Terminal(width, False)).splitlines()
    assert max(map(len, lines)) <= width
