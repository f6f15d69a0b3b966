"""`opset-atlas diff`: verdict, a run of both files, and where the words go."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema
import onnx.parser
import pytest
from opset_atlas.base.terminal import Terminal
from opset_atlas.tools import _diff_words, diff

SCHEMAS = Path(diff.__file__).parents[1] / "schemas" / "records"


def write(
    folder: Path,
    name: str,
    body: str,
    opset: int = 17,
    shape: str = "2,3",
    result: str = "",
    also: str = "",
) -> str:
    text = (
        f'<ir_version: 8, opset_import: ["" : {opset}]> g (float[{shape}] x{also})'
        f" => (float[{result or shape}] y) {{ {body} }}"
    )
    model = onnx.parser.parse_model(text)
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return str(path)


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = diff.main([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out)
    schema = json.loads((SCHEMAS / "diff.schema.json").read_text())
    jsonschema.validate(found, schema)
    return status, found


def test_a_run_settles_that_both_compute_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    other = write(tmp_path, "b.onnx", "z = Constant<value_float = 0.0>() y = Max(x, z)")
    status, found = report(capsys, one, other, "--run")
    assert status == 1 and found["verdict"] == "open"  # random inputs prove nothing
    (output,) = found["run"]["outputs"]
    assert output["verdict"] == "exact" and output["units"] == 0
    assert diff.main([one, other, "--run"]) == 1
    assert "y (float32): equal in every bit" in capsys.readouterr().out


def test_the_distance_is_in_units_of_rounding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 + 2^-20 times every value is 8 units of 2^-23 at the largest one."""
    one = write(tmp_path, "a.onnx", "y = Identity(x)")
    other = write(tmp_path, "b.onnx", "f = Constant<value_float = 1.00000095367431640625>()"
                  " y = Mul(x, f)")  # fmt: skip
    _, found = report(capsys, one, other, "--run")
    (output,) = found["run"]["outputs"]
    assert 7.5 <= output["units"] <= 8.5 and output["verdict"] == "no-noise-floor"
    far = write(tmp_path, "c.onnx", "f = Constant<value_float = 1.01>() y = Mul(x, f)")
    status, found = report(capsys, one, far, "--run")
    assert status == 1 and found["verdict"] == "differs"
    assert found["run"]["outputs"][0]["units"] == pytest.approx(0.01 / 2**-23, rel=1e-3)


def test_open_sizes_are_chosen_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "y = AveragePool<kernel_shape = [5]>(x)"
    one = write(tmp_path, "a.onnx", body, shape="N,2,L", result="N,2,M")
    other = write(tmp_path, "b.onnx", body, shape="B,2,T", result="B,2,M", opset=13)
    status, found = report(capsys, one, other, "--run")
    assert status == 0 and found["run"]["sizes"] == {"N": 8, "L": 8}  # 3 is less than the kernel
    _, found = report(capsys, one, other, "--run", "--size", "N=1", "--seeds", "2")
    assert found["run"]["sizes"] == {"N": 1, "L": 8}
    assert found["run"]["sets"] == ["random-0", "random-1"]
    _, found = report(capsys, one, other, "--run", "--shape", "x=4,2,9")
    assert found["run"]["sizes"] == {} and not found["run"]["problem"]
    diff.main([one, other, "--run"])
    assert "with N = 8, L = 8 (chosen; --size sets others)" in capsys.readouterr().out


def test_inputs_that_differ_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    more = write(tmp_path, "b.onnx", "y = Relu(x)", also=", float[1] unused")
    wide = write(tmp_path, "c.onnx", "y = Relu(x)", shape="2,4")
    _, found = report(capsys, one, more, "--run")
    assert found["run"]["notes"] == ["only one of the files takes unused"]
    _, found = report(capsys, one, wide, "--run")
    assert found["run"]["problem"].endswith("x float32[2,3] and x float32[2,4]")


def test_two_files_that_could_not_be_run_are_not_settled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    model = onnx.load(one)
    model.opset_import.add(domain="com.example", version=1)
    model.graph.node[0].domain = "com.example"
    onnx.save(model, tmp_path / "foreign.onnx")
    foreign = str(tmp_path / "foreign.onnx")
    assert report(capsys, foreign, foreign)[0] == 0
    status, found = report(capsys, foreign, foreign, "--run")
    assert status == 1 and found["verdict"] == "open"
    assert "onnxruntime cannot load foreign.onnx" in found["run"]["problem"]


def test_an_output_that_draws_random_numbers_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write(tmp_path, "a.onnx", "r = RandomNormalLike(x) y = Add(x, r)")
    _, found = report(capsys, one, one, "--run")
    assert found["run"]["outputs"] == []
    assert found["run"]["notes"] == ["the output y changes from run to run"]


def test_without_onnxruntime_the_cure_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert diff.main([one, one, "--run"]) == 2
    assert "pip install onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "batch"], "'batch': expected a name, an equals sign and numbers"),
        (["--size", "batch=two"], "'two': expected numbers"),
        (["--size", "x=1,2"], "--size x: expected one number"),
        (["--seeds", "0"], "--seeds: expected a positive number"),
    ],
)
def test_a_mistaken_option_is_refused(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    assert diff.main([one, one, "--run", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_one_file_can_come_on_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(one).read_bytes())))
    status, found = report(capsys, "-", one, "--run")
    assert status == 0 and found["files"][0]["name"] == "-"
    assert diff.main(["-", "-"]) == 2


def test_quiet_leaves_the_status_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (write(tmp_path, f"{op}.onnx", f"y = {op}(x)") for op in ("Relu", "Abs"))
    assert (diff.main([one, one, "-q"]), diff.main([one, other, "-q"])) == (0, 1)
    assert capsys.readouterr() == ("", "")


def test_a_browser_is_given_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{tmp_path}/opened\n')
    browser.chmod(0o755)
    code = "import sys; sys.argv[0] = 'x'; from opset_atlas.__main__ import main; main()"
    one = write(tmp_path, "a.onnx", "y = Relu(x)")
    import subprocess

    environment = os.environ | {"BROWSER": str(browser), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, "diff", one, one, "--open"]
    subprocess.run(command, env=environment, check=True, timeout=60)
    address = (tmp_path / "opened").read_text().strip()
    assert address.startswith("file://")
    assert "<svg" in Path(address.removeprefix("file://")).read_text(encoding="utf-8")


def test_what_a_file_holds_is_no_markup_in_a_pull_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(write(tmp_path, "a.onnx", "y = Relu(x)"))
    other = onnx.load(write(tmp_path, "b.onnx", "y = Relu(x)"))
    for each, name in ((model, "<img src=x> `a` [b](c) @me"), (other, "``|`")):
        each.graph.output[0].name = each.graph.node[0].output[0] = name
        each.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "*n*"
    onnx.save(model, tmp_path / "a.onnx")
    onnx.save(other, tmp_path / "b.onnx")
    assert diff.main([str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx"), "--markdown"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("**open** · 1 unexplained difference · 1 node · opset 17 · IR 8\n")
    from markdown_it import MarkdownIt

    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<img" not in page and "<a" not in page and "<em>" not in page
    assert "&lt;img src=x&gt;" in page


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("colors", [True, False])
def test_it_fits_the_terminal(width: int, colors: bool, tmp_path: Path) -> None:
    one = write(tmp_path, "a.onnx", "y = Softmax<axis = 1>(x)", opset=11)
    other = write(tmp_path, "b.onnx", "y = LogSoftmax<axis = 0>(x)")
    options = diff.parser().parse_args([one, other, "--run"])
    found, _ = diff._report((Path(one), Path(other)), options)
    text = _diff_words.text(found, Terminal(width, colors))
    assert ("\x1b[" in text) == colors
    plain = text.replace("\x1b[31m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")
    assert max(len(line) for line in plain.splitlines() if "http" not in line) <= width


def test_streams_that_are_no_terminal_get_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert Terminal.of(io.StringIO()) == Terminal(None, False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert Terminal.of(io.StringIO()).colors
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Terminal.of(io.StringIO()).colors


def test_integers_that_are_places_in_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (int64[4] places, float factor)'
        " => (float[4] y) <float[2] table = {1, 2}>"
        " { t = Gather(table, places) y = Mul(t, factor) }"
    )
    onnx.save(model, tmp_path / "a.onnx")
    one = str(tmp_path / "a.onnx")
    status, found = report(capsys, one, one, "--run")
    assert status == 0 and found["run"]["integers"] == 1
    diff.main([one, one, "--run", "--value", "places=0", "--value", "factor=0.5"])
    out = capsys.readouterr().out
    assert "integers" not in out and "y (float32): constant or empty" in out
