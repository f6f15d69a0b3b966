"""The parity stage: what cannot run, what crashes, what is kept, and what its record contains."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any, NoReturn

import ml_dtypes
import numpy as np
import onnx
import onnx.parser
import pytest
import safetensors.numpy
from builders.parity_files import (
    PASSES,
    after,
    exported,
    freeze,
    freeze_net,
    measured,
    node,
    right_model,
    verdicts,
)
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.runtimes import load
from opset_atlas.stages.parity import main


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return freeze_net(tmp_path_factory.mktemp("define"))


def test_the_reference_evaluator_agrees(defined: Path, tmp_path: Path) -> None:
    model = right_model()
    record = measured(tmp_path, defined, {17: model}, "reference")
    assert verdicts(record)[0] in PASSES | {"above-noise"}
    assert record["versions"].keys() == {"numpy", "onnx"}


def test_files_that_no_runtime_takes(defined: Path, tmp_path: Path) -> None:
    unknown, kernel, fails = right_model(), right_model(), right_model()
    node(unknown, "erf").op_type = "NoSuchOperator"
    after(kernel, "normal", "b = Cast<to=16>(raw) r = Relu(b) normal = Cast<to=1>(r)")
    after(fails, "normal", "s = Constant<value_ints=[7, 7]>() normal = Reshape(raw, s)")
    del fails.graph.output[1].type.tensor_type.shape.dim[:]
    renamed = right_model()
    renamed.graph.input[0].name = node(renamed, "conv").input[0] = "a"
    renamed.graph.input.pop()
    files = {9: unknown, 10: kernel, 11: fails, 12: b"", 13: b"garbage", 14: "no", 15: renamed}
    record = measured(tmp_path, defined, files)  # type: ignore[arg-type]
    cells = [cell for cell in record["cells"] if cell["runtime"] == "onnxruntime"]
    assert [cell["outcome"] for cell in cells] == [
        "rejected",
        "no-kernel",
        "failed",
        "rejected",
        "rejected",
        "absent",
        "failed",
    ]
    assert "NoSuchOperator" in cells[0]["detail"]
    assert cells[5]["detail"] == "refused: no"
    assert cells[6]["detail"] == "the graph takes 1 inputs (a), the model has 2 (x, unused)"
    assert "absent" in verdicts(record)
    text = (tmp_path / "out.json").read_text()
    assert str(tmp_path) not in text and str(Path.cwd()) not in text


def test_inputs_are_mapped_by_name_else_by_position(defined: Path, tmp_path: Path) -> None:
    turned, renamed, fewer = right_model(), right_model(), right_model()
    x, unused = list(turned.graph.input)
    del turned.graph.input[:]
    turned.graph.input.extend([unused, x])
    renamed.graph.input[0].name = node(renamed, "conv").input[0] = "input.1"
    fewer.graph.input.pop()
    record = measured(tmp_path, defined, {1: turned, 2: renamed, 3: fewer})
    assert set(verdicts(record)) <= PASSES
    assert [cell["detail"] for cell in record["cells"][::2]] == [
        "",
        "inputs are matched by position: x is called input.1",
        "the graph has no input unused",
    ]


def test_external_data_is_loaded_from_beside_the_file(defined: Path, tmp_path: Path) -> None:
    export = exported(tmp_path / "export", {17: right_model()})
    path = export / "cells" / "opset_17.onnx"
    onnx.save_model(right_model(), path, save_as_external_data=True, location="w", size_threshold=0)
    assert (path.parent / "w").stat().st_size > 500
    files = {17: path.read_bytes()}
    assert set(verdicts(measured(tmp_path, defined, files))) <= PASSES  # type: ignore[arg-type]


def test_bfloat16_goes_in_and_out(tmp_path: Path) -> None:
    values = np.linspace(-3, 3, 48).reshape(2, 24).astype(ml_dtypes.bfloat16)
    double = values.astype(np.float64)
    define = freeze(
        tmp_path / "define",
        {"random-0": [values]},
        {"random-0": [values.reshape(4, 12), values.astype(np.float32)]},
        {"random-0": [double.reshape(4, 12), double]},
        (["x"], ["y", "z"]),
    )
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (bfloat16[2,24] x)'
        " => (bfloat16[4,12] y, float[2,24] z) "
        "{ s = Constant<value_ints=[4, 12]>() y = Reshape(x, s) z = Cast<to=1>(x) }"
    )
    record = measured(tmp_path, define, {18: model})
    assert verdicts(record) == ["exact", "exact"], record["cells"][0]["detail"]
    assert record["cells"][0]["measures"][0]["dtype"] == "bfloat16"


def test_sets_of_equal_floats_or_of_equal_tokens_are_marked(tmp_path: Path) -> None:
    """Which inputs vary decides, floats before integers; a scalar cannot."""
    graph = """<ir_version: 8, opset_import: ["": 17]>
    g (int64[3] t, float[3] x, int64 n) => (float[3] y) {
      f = Cast<to=1>(t) m = Cast<to=1>(n) a = Add(f, x) y = Add(a, m)
    }"""
    t, x, n = np.array([4, 2, 7]), np.float32([1, 2, 3]), np.array(5)
    same, ones = np.array([4, 4, 4]), np.float32([1, 1, 1])
    inputs = {"random-0": [t, x, n], "random-1": [same, x, n], "random-2": [t, ones, n]}
    eager = {key: [(a + b + c).astype(np.float32)] for key, (a, b, c) in inputs.items()}
    flat = flat_sets(tmp_path / "mixed", graph, inputs, eager, ["t", "x", "n"])
    assert flat == ["random-2"]
    tokens = """<ir_version: 8, opset_import: ["": 17]>
    g (int64[3] t, int64 n) => (float[3] y) { a = Add(t, n) y = Cast<to=1>(a) }"""
    inputs = {"random-0": [t, n], "zeros": [same, n]}
    eager = {key: [(a + b).astype(np.float32)] for key, (a, b) in inputs.items()}
    assert flat_sets(tmp_path / "tokens", tokens, inputs, eager, ["t", "n"]) == ["zeros"]


def flat_sets(
    folder: Path,
    graph: str,
    inputs: dict[str, list[np.ndarray]],
    eager: dict[str, list[np.ndarray]],
    names: list[str],
) -> list[str]:
    define = freeze(folder / "define", inputs, eager, {}, (names, ["y"]))
    record = measured(folder, define, {17: onnx.parser.parse_model(graph)})
    cell = record["cells"][0]
    assert cell["outcome"] == "ran", cell["detail"]
    return [m["set"] for m in cell["measures"] if m.get("flat_input")]


def test_a_model_that_changes_from_run_to_run_is_no_pass(tmp_path: Path) -> None:
    y = np.arange(6, dtype=np.float32)
    freeze(
        tmp_path / "d",
        {"random-0": [y]},
        {"random-0": [y]},
        {},
        (["x"], ["y"]),
        random={"y": "values"},
    )
    head = '<ir_version: 8, opset_import: ["": 18]> g (float[6] x) => (float[6] y)'
    files = {
        17: onnx.parser.parse_model(f"{head} {{ y = Neg(x) }}"),
        18: onnx.parser.parse_model(f"{head} {{ y = RandomNormalLike(x) }}"),
    }
    record = measured(tmp_path, tmp_path / "d", files)
    assert set(verdicts(record)) == {"random"}
    said = {cell["requested"]: cell["detail"] for cell in record["cells"]}
    assert said[17] == "output y changes from run to run in torch, but not in this runtime"
    assert said[18] == "output y changes from run to run in torch"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A runtime that fails as a file's name asks for, and otherwise runs onnxruntime."""
    real, module = load("onnxruntime"), types.ModuleType("opset_atlas.runtimes.fake")

    def misbehave(path: Path, variant: str) -> Any:
        kind = {"10": "segfault", "11": "hang", "12": "exit", "13": "print"}
        what = kind.get(path.stem.removeprefix("opset_"))
        if what == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "hang":
            time.sleep(60)
        if what == "exit":
            sys.exit(7)
        if what == "print":
            os.write(1, b"noise\n" * 1000)
        return real.load(path, "onnxruntime")

    members = {"PACKAGES": ("onnxruntime",), "VARIANTS": {"fake": ""}, "load": misbehave}
    module.__dict__.update(members, prepare=real.prepare, run=real.run, classify=real.classify)
    monkeypatch.setitem(sys.modules, "opset_atlas.runtimes.fake", module)
    return module


def distinct(*opsets: int) -> dict[int, Any]:
    """The right model once per opset, each file with bytes of its own."""
    files = {opset: right_model() for opset in opsets}
    for opset, model in files.items():
        model.doc_string = str(opset)
    return files


def test_a_crash_or_a_hang_costs_its_own_cell(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    files = distinct(9, 10, 11, 12, 13, 14)
    record = measured(tmp_path, defined, files, "fake", cell_seconds=8)
    outcomes = [cell["outcome"] for cell in record["cells"]]
    assert outcomes == ["ran", "crashed", "timeout", "crashed", "ran", "ran"]
    details = [cell["detail"] for cell in record["cells"]]
    assert "SIGSEGV" in details[1] and "status 7" in details[3]
    assert set(verdicts(record)) == {"within-noise", "crashed", "timeout"}


def test_where_the_files_lie_does_not_decide_where_a_message_ends(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    def load(path: Path, variant: str) -> NoReturn:
        raise RuntimeError(f"{path.resolve()} cannot be loaded: {'why, ' * 100}")

    fake.__dict__["load"] = load
    details = []
    for folder in (tmp_path / "a", tmp_path / "a folder of a longer name"):
        record = measured(folder, defined, {17: right_model()}, "fake")
        details.append(record["cells"][0]["detail"])
    assert details[0] == details[1]
    assert details[0].startswith("RuntimeError: opset_17.onnx cannot be loaded: why, why,")
    assert " … " in details[0] and len(details[0]) < 320


def test_a_runtime_that_is_not_installed_is_unavailable(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    def prepare() -> None:
        raise ImportError("No module named 'fake_runtime'")

    fake.__dict__.update(prepare=prepare, PACKAGES=("fake-runtime-of-opset-atlas",))
    record = measured(tmp_path, defined, {17: right_model()}, "fake")
    assert record["cells"][0]["outcome"] == "unavailable"
    assert record["versions"]["fake-runtime-of-opset-atlas"] == "not installed"


def test_equal_files_run_once_and_equal_runs_give_equal_bytes(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    log, original = tmp_path / "loads", fake.load

    def counted(path: Path, variant: str) -> Any:
        with log.open("a") as stream:
            stream.write(f"{path.name}\n")
        return original(path, variant)

    fake.load = counted  # type: ignore[attr-defined]
    same = {20: right_model(), 21: right_model(), 22: "refused"}
    first = measured(tmp_path / "a", defined, same, "fake")
    assert log.read_text().split() == ["opset_20.onnx"]
    assert first["cells"][0]["measures"] == first["cells"][1]["measures"] != []
    measured(tmp_path / "somewhere else é", defined, same, "fake")
    records = [tmp_path / name / "out.json" for name in ("a", "somewhere else é")]
    assert records[0].read_bytes() == records[1].read_bytes()
    assert len(log.read_text().split()) == 2


def test_only_what_changed_runs_again(
    defined: Path, tmp_path: Path, fake: types.ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    def ran() -> list[str]:
        return [
            line.split()[0]
            for line in capfd.readouterr().out.splitlines()
            if line.startswith("export/")
        ]

    measured(tmp_path, defined, distinct(20), "fake")
    before = json.loads((tmp_path / "out.timing.json").read_text())["cells"][0]
    assert ran() == ["export/opset_20.onnx"] and before["load_seconds"] > 0
    grown = measured(tmp_path, defined, distinct(20, 21), "fake")
    assert ran() == ["export/opset_21.onnx"]
    times = json.loads((tmp_path / "out.timing.json").read_text())["cells"]
    assert times[0] == before and times[1]["best_run_seconds"] > 0
    assert grown == measured(tmp_path / "anew", defined, distinct(20, 21), "fake")
    ran()
    other = tmp_path / "define"
    other.mkdir()
    for path in defined.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    tensors = safetensors.numpy.load_file(other / "reference.safetensors")
    for kind in ("eager", "float64"):
        tensors[f"random-0/{kind}/0"] += 1
    safetensors.numpy.save_file(tensors, other / "reference.safetensors")
    changed = json.loads((other / "record.json").read_text())
    changed["reference_sha256"] = file_sha256(other / "reference.safetensors")
    write_json(other / "record.json", changed)
    rejudged = measured(tmp_path, other, distinct(20, 21), "fake")
    assert ran() == ["export/opset_20.onnx", "export/opset_21.onnx"]
    assert rejudged["fingerprint"] != grown["fingerprint"]
    assert verdicts(rejudged) == ["mismatch", "mismatch"]


def test_a_crash_is_tried_again(defined: Path, tmp_path: Path, fake: types.ModuleType) -> None:
    record = measured(tmp_path, defined, distinct(10), "fake")
    assert record["cells"][0]["outcome"] == "crashed"
    fake.load = lambda path, variant: load("onnxruntime").load(path, variant)  # type: ignore[attr-defined]
    record = measured(tmp_path, defined, distinct(10), "fake")
    assert record["cells"][0]["outcome"] == "ran"


def test_a_model_without_reference_is_absent(tmp_path: Path) -> None:
    y = np.ones(3, np.float32)
    define = freeze(tmp_path / "d", {"a": [y]}, {"a": [y]}, {}, (["x"], ["y"]))
    failed = json.loads((define / "record.json").read_text())
    write_json(define / "record.json", {**failed, "outcome": "failed", "detail": "no weights"})
    record = measured(tmp_path, define, {17: right_model()})
    assert [cell["outcome"] for cell in record["cells"]] == ["absent", "absent"]
    assert record["cells"][0]["detail"] == "there is no reference: no weights"


def test_the_program_writes_record_and_timing(defined: Path, tmp_path: Path) -> None:
    import opset_atlas

    export = exported(tmp_path / "export", {17: right_model()})
    options = ["--spec", "{}", "--define", str(defined), "--export", str(export)]
    options += ["--runtime", "onnxruntime", "--output", str(tmp_path / "r.json")]
    command = [
        sys.executable,
        "-m",
        "opset_atlas.stages.parity",
        *options,
        "--timing",
        str(tmp_path / "t.json"),
    ]
    env = {**os.environ, "PYTHONPATH": str(Path(opset_atlas.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert set(verdicts(json.loads((tmp_path / "r.json").read_text()))) <= PASSES
    assert len(json.loads((tmp_path / "t.json").read_text())["cells"]) == 2
    assert "seconds" not in (tmp_path / "r.json").read_text()
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
