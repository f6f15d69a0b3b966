"""What rules need to know about a job: its files and its memory, by its wildcards."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest
from opset_atlas.config.jobs import Jobs, base_option, folder_of_sweeps, level, sweep
from opset_atlas.config.settings import resolve
from opset_atlas.config.specs import Specs, code_of

MODULE = {"factory": "m.py:M", "inputs": [{"name": "x", "shape": [1]}]}


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text("class M: ...\n")
    (tmp_path / "net.onnx").write_bytes(bytes(3_000_000))
    config = {
        "models": {"net": MODULE, "file": {"onnx": "net.onnx"}},
        "exporters": ["dynamo", "converter"],
        "converter": {"exporter": "torchscript", "opset": 18},
        "runtimes": ["reference", "onnxruntime"],
    }
    return Jobs(resolve(config, tmp_path))


def of(model: str, **others: str) -> SimpleNamespace:
    return SimpleNamespace(model=model, **others)


def test_files_follow_the_exporters_and_runtimes_of_a_model(jobs: Jobs) -> None:
    folder = "<results>/export/net"
    assert jobs.exports(of("net")) == [
        f"{folder}/dynamo/record.json",
        f"{folder}/converter/record.json",
    ]
    assert jobs.cells(of("file")) == ["<results>/export/file/converter/cells"]
    assert jobs.parity(of("net")) == [
        "<results>/parity/net/reference.json",
        "<results>/parity/net/onnxruntime.json",
    ]
    assert len(jobs.per_sweep("timing.json")) == 3
    assert jobs.per_model("{model}.x") == ["net.x", "file.x"]
    assert jobs.sources(of("net")) == ["m.py"] and jobs.audits() == []


def test_a_conversion_starts_from_a_sweep_or_from_the_users_file(jobs: Jobs) -> None:
    assert jobs.base(of("net")) == ["<results>/export/net/torchscript/record.json"]
    assert jobs.base(of("file")) == jobs.base_cells(of("file")) == []
    given = SimpleNamespace(base=["results/export/net/torchscript/record.json"])
    assert base_option(of("net"), given) == "--base results/export/net/torchscript"
    assert base_option(of("file"), SimpleNamespace(base=[])) == ""


def test_a_sweep_of_another_toolchain_has_a_folder_of_its_own() -> None:
    assert sweep("dynamo") == "dynamo"
    assert sweep("dynamo", "torch-2.9") == "dynamo@torch-2.9"
    record = f"results/export/net/{sweep('dynamo', 'torch-2.9')}/record.json"
    assert folder_of_sweeps(of("net"), SimpleNamespace(export=[record])) == "results/export/net"


def test_exporters_are_told_apart_by_what_they_start_from(jobs: Jobs) -> None:
    assert jobs.exporters_that(convert=True) == "converter"
    assert jobs.exporters_that(convert=False) == "dynamo|given_file|torchscript"
    assert level(of("net", exporter="converter")) == "files"
    assert level(of("net", exporter="dynamo")) == "exporters"


def test_memory_grows_with_the_weights_of_the_model(jobs: Jobs, tmp_path: Path) -> None:
    needed = jobs.memory(1000, 2.0)
    given = SimpleNamespace(define=str(tmp_path / "record.json"), sources=["net.onnx"])
    with pytest.raises(FileNotFoundError):  # Snakemake asks again when the model is defined
        needed(of("net"), given)
    (tmp_path / "record.json").write_text("{}")
    (tmp_path / "weights.safetensors").write_bytes(bytes(5_000_000))
    assert needed(of("net"), given) == 1010
    assert needed(of("file"), given) == 1016  # the tensors in the file count too
    assert jobs.memory_of_definition(of("file"), given) == 1012


def test_what_snakemake_asks_per_job_has_its_signature_with_it(jobs: Jobs) -> None:
    specs = Specs(jobs._settings)
    asked = [
        *(jobs.exports, jobs.memory(1000, 2), level, folder_of_sweeps, code_of("export")),
        *(specs.of("define"), specs.again("{model}"), specs.define_again("{model}")),
    ]
    for function in asked:
        kept = getattr(function, "__signature__", None)
        assert kept is not None, function
        assert list(inspect.signature(function).parameters) == [
            name for name in kept.parameters if name != "self"
        ]
