"""The schema history against onnx.defs: versions, parameters, pages, prose and notes."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import onnx.defs
import pytest
from opset_atlas.operators import definitions
from opset_atlas.operators.prose import collapse, sentences

RAW = {(s.domain, s.name, s.since_version): s for s in onnx.defs.get_all_schemas_with_history()}
DOMAINS = sorted({domain for domain, _, _ in RAW})
OPERATORS = sorted({(domain, op) for domain, op, _ in RAW})
NOTES = [
    note
    for domain, op in OPERATORS
    for note in definitions.notes(op, None, definitions.versions(op, domain)[-1], domain)
]


def raw_text(note, since):
    """Everything that a version says, on one line."""
    raw = RAW[note.domain, note.op, since]
    parameters = (*raw.inputs, *raw.outputs, *raw.attributes.values())
    return collapse(" ".join([raw.doc or "", *(p.description for p in parameters)]))


# Versions in force


def test_the_version_in_force_is_the_one_that_onnx_uses():
    last = onnx.defs.onnx_opset_version()
    for op in definitions.operators():
        for opset in range(1, last + 1):
            known = onnx.defs.has(op, opset, "")
            expected = onnx.defs.get_schema(op, opset, "").since_version if known else None
            assert definitions.in_force(op, opset) == expected, (op, opset)


def test_nothing_is_in_force_that_onnx_does_not_know():
    assert definitions.in_force("NoSuchOperator", 13) is None
    assert definitions.in_force("Gelu", 19) is None
    assert definitions.in_force("Relu", 0) is None
    assert definitions.in_force("Relu", onnx.defs.onnx_opset_version() + 1) is None
    assert definitions.in_force("Relu", 13, "com.example") is None
    assert definitions.versions("Relu", "com.example") == []


def test_the_default_domain_has_a_long_name():
    assert definitions.in_force("Resize", 14, "ai.onnx") == 13
    assert definitions.inputs("Resize", 13, "ai.onnx") == definitions.inputs("Resize", 13)
    assert definitions.transition("Resize", 11, 13, "ai.onnx") == definitions.transition(
        "Resize", 11, 13
    )


def test_an_unknown_version_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no version 12 of operator 'Resize'.*\[10, 11, 13"):
        definitions.transition("Resize", 12, 13)
    with pytest.raises(ValueError, match="no such operator"):
        definitions.inputs("NoSuchOperator", 1)


# Parameters


@pytest.mark.parametrize("domain", DOMAINS)
def test_parameters_are_those_of_onnx(domain):
    for (_, op, since), raw in RAW.items():
        if raw.domain != domain:
            continue
        sides = (definitions.inputs, raw.inputs), (definitions.outputs, raw.outputs)
        for read, expected in sides:
            found = read(op, since, domain)
            assert [p.name for p in found] == [p.name for p in expected]
            assert [p.index for p in found] == list(range(len(expected)))
            assert [set(p.types) for p in found] == [set(p.types) for p in expected]
            assert all(p.types and p.option in ("single", "optional", "variadic") for p in found)
        attributes = definitions.attributes(op, since, domain)
        assert {n: a.required for n, a in attributes.items()} == {
            n: a.required for n, a in raw.attributes.items()
        }


def test_resize_parameters_at_eleven_and_thirteen():
    eleven = [(p.name, p.option) for p in definitions.inputs("Resize", 11)]
    thirteen = [(p.name, p.option) for p in definitions.inputs("Resize", 13)]
    assert eleven == [
        ("X", "single"), ("roi", "single"), ("scales", "single"), ("sizes", "optional"),
    ]  # fmt: skip
    assert thirteen == [("X", "single")] + [(n, "optional") for n in ("roi", "scales", "sizes")]


def test_defaults_are_python_values():
    resize = definitions.attributes("Resize", 19)
    assert resize["mode"].default == "nearest" and resize["mode"].type == "string"
    assert resize["cubic_coeff_a"].default == -0.75
    assert resize["axes"].default is None and not resize["axes"].required
    assert definitions.attributes("RNN", 22)["activations"].default == ("Tanh", "Tanh")
    assert definitions.attributes("Cast", 13)["to"].required


def test_actual_parameters_get_formal_names():
    names = definitions.parameter_names
    assert names("Resize", 13, "", 3) == ["X", "roi", "scales"]
    assert names("Concat", 13, "", 2) == ["inputs[0]", "inputs[1]"]
    assert names("Loop", 13, "", 4) == ["M", "cond", "v_initial[0]", "v_initial[1]"]
    assert names("Split", 13, "", 2, output=True) == ["outputs[0]", "outputs[1]"]
    assert names("Relu", 14, "", 2) == ["X", "input1"]
    assert names("Custom", None, "com.example", 2) == ["input0", "input1"]
    assert names("Custom", None, "com.example", 1, output=True) == ["output0"]
    assert names("Relu", 14, "", 0) == []


# Pages


def test_pages_exist_for_pairs_of_versions_alone():
    page = "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html"
    assert definitions.url("Resize", 11, 13) == definitions.url("Resize", 13, 11) == page
    assert definitions.url("Resize", 10, 19, "ai.onnx") is not None
    assert definitions.url("Resize", 12, 13) is None
    assert definitions.url("Resize", 13, 13) is None
    assert definitions.url("Custom", 1, 2, "com.example") is None


def test_pages_of_operators_carry_the_domain_without_dots():
    site = "https://onnx.ai/onnx/operators/"
    assert definitions.operator_url("Resize") == f"{site}onnx__Resize.html"
    ml = definitions.operator_url("TreeEnsemble", "ai.onnx.ml")
    assert ml == f"{site}onnx_aionnxml_TreeEnsemble.html"
    assert definitions.operator_url("Custom", "com.example") is None


def test_difference_pages_cannot_collide_between_domains():
    """Their names omit the domain."""
    assert len({op for _, op in OPERATORS}) == len(OPERATORS)


# Text of parameters


def test_the_condition_of_roi_is_read_from_its_description():
    text = definitions.explain_parameter("Resize", 13, "roi")
    assert text.description.startswith("1-D tensor given as [start1, ..., startN, end1")
    assert text.description.endswith("where N is the rank of X.")
    assert text.condition == (
        'It only takes effect when coordinate_transformation_mode is "tf_crop_and_resize"'
    )
    expected = ("coordinate_transformation_mode", "tf_crop_and_resize")
    assert definitions.condition_value("Resize", 11, "roi") == expected
    assert definitions.condition_value("Resize", 19, "cubic_coeff_a") == ("mode", "cubic")


def test_conditions_are_sentences_of_the_description_and_not_too_many():
    found = set()
    for (domain, op, since), raw in RAW.items():
        for parameter in (*raw.inputs, *raw.attributes.values()):
            sentence = definitions.condition(op, since, parameter.name, domain)
            if sentence:
                found.add((op, parameter.name))
                texts = [p.description for p in (*raw.inputs, *raw.attributes.values())]
                assert any(sentence in collapse(text) for text in texts)
    assert found == {
        ("Resize", "roi"), ("Resize", "sizes"), ("Resize", "nearest_mode"),
        ("Resize", "cubic_coeff_a"), ("MaxPool", "storage_order"), ("SplitToSequence", "keepdims"),
        ("Cast", "saturate"), ("Cast", "round_mode"), ("CastLike", "saturate"),
        ("CastLike", "round_mode"), ("QuantizeLinear", "saturate"), ("QuantizeLinear", "axis"),
        ("QuantizeLinear", "block_size"), ("DequantizeLinear", "axis"),
        ("DequantizeLinear", "block_size"),
    }  # fmt: skip
    assert definitions.condition_value("Cast", 24, "round_mode") is None


def test_every_parameter_can_be_explained():
    for (domain, op, since), raw in RAW.items():
        for parameter in (*raw.inputs, *raw.outputs, *raw.attributes.values()):
            text = definitions.explain_parameter(op, since, parameter.name, domain).description
            assert "\n" not in text and "<br>" not in text
    assert definitions.explain_parameter("Concat", 13, "inputs[3]").description
    with pytest.raises(ValueError, match="no input, attribute or output 'roi'"):
        definitions.condition("Relu", 14, "roi")


def test_abbreviations_do_not_end_a_sentence():
    text = "Values (e.g. 1) count. Use i.e. Two.\n  `a` is last."
    assert sentences(text) == ["Values (e.g. 1) count.", "Use i.e. Two.", "`a` is last."]
    assert sentences("  ") == []


# Notes


@pytest.mark.parametrize("note", NOTES, ids=lambda n: f"{n.op}-{n.new}-{n.parameter}")
def test_a_note_is_about_a_real_transition_and_has_evidence(note):
    known = definitions.versions(note.op, note.domain)
    sides = [since for since in (note.old, note.new) if since is not None]
    if note.old is None:
        assert note.new == known[0]
        assert note.source == definitions.operator_url(note.op, note.domain)
    else:
        assert (note.old, note.new) in pairwise(known)
        assert note.source == definitions.url(note.op, note.old, note.new, note.domain)
    if note.parameter:
        assert any(
            note.parameter in (p.name for p in (*raw.inputs, *raw.outputs))
            or note.parameter in raw.attributes
            for raw in (RAW[note.domain, note.op, since] for since in sides)
        )
    before = raw_text(note, note.old) if note.old is not None else ""
    after = raw_text(note, note.new)
    assert not note.says or (note.says in after and note.says not in before)
    assert not note.said or (note.said in before and note.said not in after)
    if not note.says and not note.said:  # then the typed difference is the evidence
        transition = definitions.transition(note.op, note.old, note.new, note.domain)
        assert transition.about(note.parameter)
    assert 20 < len(note.note) < 400 and note.note.endswith(".")


def test_every_entry_of_the_notes_is_read_and_none_is_written_twice():
    assert len(NOTES) == len({(n.op, n.new, n.parameter, n.says, n.said) for n in NOTES}) > 100


def test_notes_are_found_over_several_versions_and_downwards():
    over = definitions.notes("Resize", 10, 19)
    assert {note.new for note in over} == {11, 13, 18, 19}
    assert definitions.notes("Resize", 19, 10) == over
    assert definitions.notes("Relu", 13, 14) == []
    assert [n.new for n in definitions.notes("Gelu", None, 20)] == [20]


def test_the_module_is_cheap_to_import():
    heavy = "torch", "onnxruntime", "onnx_ir", "pandas", "yaml", "onnx.reference"
    code = "import sys, opset_atlas.operators.definitions\n"
    code += f"print([m for m in {heavy} if m in sys.modules])"
    path = str(Path(definitions.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"
