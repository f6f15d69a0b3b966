"""Files that ask for too much memory, and what happens when they are compared or dumped."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import onnx.parser
import pytest
from opset_atlas.comparison import steps
from opset_atlas.execution import isolate
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.graph.reading import read
from opset_atlas.tools import diff

VECTORS = {
    "range": "start = Constant <value_int = 0> () limit = Constant <value_int = 68719476736> ()"
    " step = Constant <value_int = 1> () many = Range (start, limit, step)",
    "constant of shape": "size = Constant <value_ints = [68719476736]> ()"
    " many = ConstantOfShape <value = int64[1] {1}> (size)",
}


def write(path: Path, body: str) -> Path:
    """A small file in which something reads one element of a vector of 2^36."""
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 13]> g (float[3] x) => (float[N] y) {{ {body}'
        " place = Constant <value_ints = [3]> () shape = Gather (many, place)"
        " y = Reshape (x, shape) }"
    )
    path.write_bytes(model.SerializeToString())
    assert path.stat().st_size < 400
    return path


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_of_2_36_elements_is_not_followed_through_a_graph(
    name: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "many.onnx", VECTORS[name])

    def work(_: int) -> list[int]:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        nodes = len(read(path)[0]["graph"]["nodes"])
        return [nodes, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10]

    ((_, result),) = run_isolated([0], work, 60.0, 6000)
    assert result.status == "done", result
    nodes, grown_mb = result.value
    assert nodes >= 5
    assert grown_mb < 200


def test_two_files_are_compared_whatever_they_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (write(tmp_path / f"{i}.onnx", body) for i, body in enumerate(VECTORS.values()))
    assert diff.main([str(one), str(other)]) == 1
    assert "ConstantOfShape" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"no model", bytes(range(256))])
def test_what_is_no_model_is_refused_with_status_2(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.onnx", VECTORS["range"])
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(content)
    assert diff.main([str(good), str(bad)]) == 2
    said = capsys.readouterr().err
    assert "bad.onnx cannot be read" in said and "Traceback" not in said


def test_a_file_that_is_a_pipe_ends_at_the_time_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.onnx", VECTORS["range"])
    os.mkfifo(tmp_path / "pipe.onnx")
    assert diff.main(["--seconds", "1", str(good), str(tmp_path / "pipe.onnx")]) == 2
    assert "still running at its time limit" in capsys.readouterr().err


def test_a_defect_of_ours_is_named_and_is_no_difference(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = write(tmp_path / "good.onnx", VECTORS["range"])
    monkeypatch.setattr(steps, "compare", lambda *_: {}["planted"])
    assert diff.main([str(good), str(good)]) == 2
    said = capfd.readouterr().err
    assert "opset-atlas itself failed: KeyError: 'planted'" in said
    assert len(said) < isolate.PRINTED


def test_an_invalid_file_that_stops_us_is_refused_as_invalid(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = write(tmp_path / "good.onnx", VECTORS["range"])
    bad = onnx.load(good)
    bad.graph.node[-1].attribute.append(onnx.helper.make_attribute("unknown", 1))
    onnx.save(bad, tmp_path / "bad.onnx")
    monkeypatch.setattr(steps, "compare", lambda *_: {}["planted"])
    assert diff.main([str(good), str(tmp_path / "bad.onnx")]) == 2
    said = capfd.readouterr().err
    assert "bad.onnx is not valid: onnx.checker: " in said and "planted" not in said


@pytest.mark.parametrize("value", [0.5, [0.5, 0.25], "10", 1])
def test_an_attribute_of_another_type_than_the_schema_has(
    value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for opset, op, name in ((13, "Transpose", "perm"), (2, "Pad", "pads")):
        model = onnx.parser.parse_model(
            f'<ir_version: 8, opset_import: ["" : {opset}]> g (float[2,3] x) => (float[2,3] y)'
            f" {{ y = {op} <{name} = [1, 0]> (x) }}"
        )
        onnx.save(model, tmp_path / "good.onnx")
        del model.graph.node[0].attribute[:]
        model.graph.node[0].attribute.append(onnx.helper.make_attribute(name, value))
        onnx.save(model, tmp_path / "bad.onnx")
        assert diff.main([str(tmp_path / "good.onnx"), str(tmp_path / "bad.onnx")]) == 1
        assert "itself failed" not in capsys.readouterr().err


def test_memory_that_runs_out_is_no_fault_of_the_file(tmp_path: Path) -> None:
    from opset_atlas.onnx_files import facts

    assert not facts.says_of_file(MemoryError())
    assert facts.says_of_file(ValueError("no graph in it"))
    with pytest.raises(Exception) as raised:
        onnx.load_model_from_string(b"no model")
    assert facts.says_of_file(raised.value)
