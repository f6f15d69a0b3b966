"""Caches of transformers as inputs and outputs: prefill and a step of small models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders.project import need_transformers
from builders.stage_files import run_define, run_export, settings
from opset_atlas.config.specs import Specs
from opset_atlas.stages import parity
from opset_atlas.stages.judge import judge

MODELS = """
import torch
import transformers
from transformers.modeling_outputs import BaseModelOutput

SMALL = dict(vocab_size=19, hidden_size=8, intermediate_size=16, num_hidden_layers=1,
             num_attention_heads=2, attn_implementation="eager")

def language_model():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL))

def prompt(seed, sizes=None):
    at = {"batch": 2, "length": 5, **(sizes or {})}
    mask = torch.ones(at["batch"], at["length"], dtype=torch.int64)
    mask[-1, : at["length"] // 3] = 0
    ids = torch.randint(0, 19, mask.shape)
    return {"use_cache": True, "attention_mask": mask, "input_ids": ids}

def cache(batch, past):
    layer = [torch.randn(batch, 2, past, 4) for _ in "kv"]
    return transformers.DynamicCache([layer])

def one_step(seed, sizes=None):
    at = {"batch": 2, "past": 5, "length": 2, **(sizes or {})}
    mask = torch.ones(at["batch"], at["past"] + at["length"], dtype=torch.int64)
    ids = torch.randint(0, 19, (at["batch"], at["length"]))
    past = cache(at["batch"], at["past"])
    return {"past_key_values": past, "input_ids": ids, "attention_mask": mask}

def translator():
    return transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=19, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2))

def decoder_step(seed):
    both = transformers.EncoderDecoderCache(cache(2, 3), cache(2, 4))
    state = BaseModelOutput(last_hidden_state=torch.randn(2, 4, 8))
    return {"encoder_outputs": state, "decoder_input_ids": torch.ones(2, 1, dtype=torch.int64),
            "past_key_values": both}

def state_space():
    return transformers.MambaForCausalLM(transformers.MambaConfig(
        vocab_size=19, hidden_size=8, state_size=4, num_hidden_layers=1, time_step_rank=4))
"""
LAYER = "past_key_values_key_cache_0", "past_key_values_value_cache_0"
CASES: dict[str, dict[str, Any]] = {
    "prefill": {
        "factory": "models.py:language_model",
        "inputs": "models.py:prompt",
        "dynamic_shapes": {
            name: {0: "batch", 1: "length"} for name in ("input_ids", "attention_mask")
        },
    },
    "one step": {
        "factory": "models.py:language_model",
        "inputs": "models.py:one_step",
        "dynamic_shapes": {
            "input_ids": {0: "batch", 1: "length"},
            "attention_mask": {0: "batch", 1: "past+length"},
            **{name: {0: "batch", 2: "past"} for name in LAYER},
        },
    },
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need_transformers()
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("case", "exporter"), [("prefill", "torchscript"), ("one step", "dynamo")])
def test_a_language_model_with_its_cache(root: Path, case: str, exporter: str) -> None:
    model = CASES[case]
    record = run_define(root, model)
    assert record["outcome"] == "ok", record["detail"] + record["traceback"]
    given = [port["name"] for port in record["inputs"]]
    assert given == ["input_ids", "attention_mask", *(LAYER if case == "one step" else ())]
    made = [f"output_{name}" if case == "one step" else name for name in LAYER]
    assert [port["name"] for port in record["outputs"]] == ["logits", *made]
    assert all(each["float64"] for each in record["sets"])
    sizes = {name for each in record["sets"] for name in each["name"].partition("@")[2].split(",")}
    assert sizes >= ({"length=11", "length=1"} if case == "prefill" else {"past=11", "length=5"})
    assert "does not run" not in record["detail"]
    made_of = settings(root, model, exporters=[exporter], opsets=[18])
    (cell,) = run_export(root, model, exporter, opsets=[18])["cells"]
    assert cell["outcome"] == "ok", cell["detail"]
    spec = Specs(made_of).job("parity", model="m", runtime="onnxruntime")
    folders = [root / "results/export/m" / exporter]
    job = parity.Job(spec, root / "results/define/m", folders, "onnxruntime")
    measured = parity.measure_files(job, root / "parity.json", root / "timing.json")
    judged = judge([measured], {"tolerances": made_of.tolerances, "models": {}})["cells"]
    assert {each["verdict"] for each in judged} <= {"exact", "within-noise"}, judged


def test_other_caches_are_flattened_too(root: Path) -> None:
    model = {"factory": "models.py:translator", "inputs": "models.py:decoder_step"}
    record = run_define(root, model)
    assert record["outcome"] == "ok", record["detail"] + record["traceback"]
    assert record["call"].startswith(
        "forward(decoder_input_ids=decoder_input_ids, encoder_outputs="
    )
    assert "EncoderDecoderCache(past_key_values_0, " in record["call"]
    ids = {"name": "input_ids", "shape": [2, 3], "dtype": "int64", "range": [0, 18]}
    record = run_define(root, {"factory": "models.py:state_space", "inputs": [ids]})
    assert record["outcome"] == "ok", record["detail"] + record["traceback"]
    names = [port["name"] for port in record["outputs"]]
    assert names[0] == "logits" and names[1:] == ["cache_params_0", "cache_params_1"]
