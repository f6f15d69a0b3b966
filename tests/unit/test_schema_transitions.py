"""Transitions between schema versions: properties of all of them, and pinned facts."""

from collections import Counter
from itertools import pairwise

import onnx.defs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opset_atlas.operators import definitions
from opset_atlas.operators.definitions import Kind, Summary, Transition

RAW = {(s.domain, s.name, s.since_version): s for s in onnx.defs.get_all_schemas_with_history()}
OPERATORS = sorted({(domain, op) for domain, op, _ in RAW})
NEIGHBORS = [
    definitions.transition(op, old, new, domain)
    for domain, op in OPERATORS
    for old, new in pairwise(definitions.versions(op, domain))
]


@st.composite
def transitions(draw):
    """Any two different versions of an operator, in any order."""
    several = [
        (domain, op) for domain, op in OPERATORS if len(definitions.versions(op, domain)) > 1
    ]
    domain, op = draw(st.sampled_from(several))
    pick = st.sampled_from(definitions.versions(op, domain))
    old, new = draw(st.lists(pick, min_size=2, max_size=2, unique=True))
    return definitions.transition(op, old, new, domain)


def of_kind(op, old, new, *kinds):
    """Parameters of the changes of these kinds."""
    return [c.parameter for c in definitions.transition(op, old, new).changes if c.kind in kinds]


def names_of(transition, since):
    """The names of inputs, outputs and attributes of one end, from onnx itself."""
    raw = RAW[transition.domain, transition.op, since]
    return {
        "input": {p.name for p in raw.inputs},
        "output": {p.name for p in raw.outputs},
        "attribute": set(raw.attributes),
    }


# Transitions: properties of all of them


def test_the_history_is_as_large_as_counted_by_hand():
    default = [key for key in RAW if key[0] == ""]
    assert len(definitions.operators()) == 203
    assert len(default) == 629
    assert sum(not transition.domain for transition in NEIGHBORS) == 426


def test_no_transition_is_without_a_change():
    assert all(transition.changes for transition in NEIGHBORS)
    assert not definitions.transition("Relu", 14, 14).changes
    assert definitions.transition("Relu", 14, 14).summary is Summary.NONE


@given(transitions())
@settings(max_examples=300, deadline=None)
def test_the_other_direction_is_the_mirror_image(transition: Transition):
    back = definitions.transition(transition.op, transition.new, transition.old, transition.domain)
    mirrored = Counter(
        (c.kind.mirror, c.names[::-1], c.after, c.before) for c in transition.changes
    )
    assert mirrored == Counter((c.kind, c.names, c.before, c.after) for c in back.changes)
    assert all(kind.mirror.mirror is kind for kind in Kind)
    assert [(s.new, s.old) for s in reversed(back.steps)] == [
        (s.old, s.new) for s in transition.steps
    ]


@given(transitions())
@settings(max_examples=300, deadline=None)
def test_replaying_the_changes_gives_the_other_version(transition: Transition):
    names = names_of(transition, transition.old)
    for change in transition.changes:
        former, latter = change.names
        own = names.get(change.role, set())
        if change.kind is Kind.ATTRIBUTE_TO_INPUT:
            names["attribute"].remove(former)
            own.add(latter)
        elif change.kind is Kind.INPUT_TO_ATTRIBUTE:
            names["input"].remove(former)
            own.add(latter)
        elif change.kind.endswith((" removed", " renamed")) and change.role != "operator":
            own.remove(former)
        if change.kind.endswith((" added", " renamed")) and change.role != "operator":
            assert latter not in own
            own.add(latter)
    assert names == names_of(transition, transition.new)


@given(transitions())
@settings(max_examples=300, deadline=None)
def test_every_change_names_a_parameter_of_its_side(transition: Transition):
    old, new = names_of(transition, transition.old), names_of(transition, transition.new)
    former_role = {Kind.ATTRIBUTE_TO_INPUT: "attribute", Kind.INPUT_TO_ATTRIBUTE: "input"}
    for change in transition.changes:
        assert change.detail
        if change.role == "operator":
            assert not change.parameter
            continue
        former, latter = change.names
        role = former_role.get(change.kind, change.role)
        assert (former in old[role]) is (change.before != "absent"), change
        assert (latter in new[change.role]) is (change.after != "absent"), change


@given(transitions())
@settings(max_examples=200, deadline=None)
def test_steps_lead_from_one_end_to_the_other(transition: Transition):
    steps = transition.steps
    assert steps[0].old == transition.old and steps[-1].new == transition.new
    assert all(left.new == right.old for left, right in pairwise(steps))
    untouched = {Kind.INPUT_ADDED, Kind.ATTRIBUTE_ADDED, Kind.OUTPUT_ADDED}
    for change in transition.changes:  # everything at the end was brought by some step
        if change.kind in untouched:
            assert any(change.parameter in (c.parameter for c in step.changes) for step in steps), (
                change
            )


def test_types_are_compared_as_sets():
    for transition in NEIGHBORS:
        for change in transition.changes:
            before, after = (set(side.split(", ")) for side in (change.before, change.after))
            if change.kind is Kind.TYPES_WIDENED:
                assert before < after
            if change.kind is Kind.TYPES_NARROWED:
                assert before > after


# Transitions: the pinned onnx, counted


def test_classes_of_the_default_domain():
    """Read these as counts of onnx 1.23.2; each transition has one class, its weightiest.

    251 "types only": in 250 the allowed types change, in BatchNormalization-15 only which
    parameters share one.
    """
    found = Counter(t.summary for t in NEIGHBORS if not t.domain)
    assert found == {
        Summary.TYPES_ONLY: 251,
        Summary.TEXT_ONLY: 45,
        Summary.RESTRICTED: 43,
        Summary.EXTENDED: 39,
        Summary.STRUCTURAL: 36,
        Summary.OPTIONALITY: 5,
        Summary.DEFAULT_CHANGED: 4,
        Summary.DEPRECATED: 2,
        Summary.FUNCTION_ONLY: 1,
    }


def test_transitions_by_kind_of_change():
    """Transitions that hold a kind at all.

    55 transitions bring an attribute of a new name: 54 and Pad-2, where it is a renaming. Ten
    change a default: 8 and two where 2.0 becomes 2 with the type (LpPool-2, GlobalLpPool-2). Eight
    bring an input of a new name: 6, and TopK-10's K and Pad-11's constant_value, once attributes.
    """
    found = Counter(kind for t in NEIGHBORS if not t.domain for kind in t.kinds)
    expected = {
        Kind.ATTRIBUTE_TO_INPUT: 21,
        Kind.ATTRIBUTE_ADDED: 54,
        Kind.ATTRIBUTE_REMOVED: 48,
        Kind.ATTRIBUTE_RENAMED: 2,
        Kind.DEFAULT_CHANGED: 8,
        Kind.INPUT_ADDED: 6,
        Kind.BECAME_OPTIONAL: 4,
        Kind.FUNCTION_ADDED: 16,
        Kind.FUNCTION_CHANGED: 3,
        Kind.DEPRECATED: 2,
        Kind.TYPES_WIDENED: 279,
        Kind.TEXT_CHANGED: 195,
    }
    assert {kind: found[kind] for kind in expected} == expected


# Transitions: golden facts


def test_resize_thirteen_makes_roi_optional_without_changing_its_text():
    transition = definitions.transition("Resize", 11, 13)
    optional = of_kind("Resize", 11, 13, Kind.BECAME_OPTIONAL)
    assert optional == ["roi", "scales"]
    assert transition.summary is Summary.OPTIONALITY
    (roi,) = transition.about("roi")
    assert (roi.before, roi.after, roi.role) == ("required", "optional", "input")
    assert "roi" not in of_kind("Resize", 11, 13, Kind.TEXT_CHANGED)


def test_a_transition_over_several_versions_says_which_step_it_was():
    steps = definitions.transition("Resize", 10, 19).steps
    assert [(s.old, s.new) for s in steps] == [(10, 11), (11, 13), (13, 18), (18, 19)]
    assert [s.new for s in steps if s.about("roi")] == [11, 13]
    assert steps[-1].summary is Summary.TEXT_ONLY


@pytest.mark.parametrize(
    ("op", "old", "new", "moved"),
    [
        ("Slice", 1, 10, ["axes", "ends", "starts"]),
        ("Clip", 6, 11, ["max", "min"]),
        ("Squeeze", 11, 13, ["axes"]),
        ("Unsqueeze", 11, 13, ["axes"]),
        ("ReduceMean", 13, 18, ["axes"]),
        ("TopK", 1, 10, ["K"]),
        ("Pad", 2, 11, ["pads", "constant_value"]),
        ("Dropout", 10, 12, ["ratio"]),
    ],
)
def test_attributes_that_became_inputs(op, old, new, moved):
    assert of_kind(op, old, new, Kind.ATTRIBUTE_TO_INPUT) == moved
    assert not set(moved) & set(of_kind(op, old, new, Kind.INPUT_ADDED, Kind.ATTRIBUTE_REMOVED))


def test_a_renamed_parameter_is_not_removed_and_added():
    names = [c.names for c in definitions.transition("BatchNormalization", 9, 14).changes]
    assert ("mean", "input_mean") in names and ("mean", "running_mean") in names
    assert of_kind("BatchNormalization", 9, 14, Kind.INPUT_ADDED, Kind.INPUT_REMOVED) == []
    assert of_kind("Pad", 1, 2, Kind.ATTRIBUTE_RENAMED) == ["pads"]
    assert of_kind("Tile", 1, 6, Kind.INPUT_RENAMED) == []
    assert of_kind("Tile", 1, 6, Kind.INPUT_REMOVED) == ["tiles", "axis"]


def test_an_input_that_takes_another_place_is_moved_and_not_new():
    (scales,) = definitions.transition("Resize", 10, 11).about("scales")
    assert (scales.kind, scales.before, scales.after) == (
        Kind.INPUT_MOVED, "position 1", "position 2",
    )  # fmt: skip
    assert scales.detail == "position 1 becomes position 2"
    assert of_kind("Resize", 10, 11, Kind.INPUT_ADDED) == ["roi", "sizes"]


def test_an_exponent_may_have_a_type_of_its_own():
    (untied,) = (
        c for c in definitions.transition("Pow", 7, 12).changes if c.kind is Kind.TYPES_UNTIED
    )
    assert (untied.parameter, untied.before, untied.after) == (
        "Y", "type of X", "type of its own",
    )  # fmt: skip


def test_softmax_thirteen_changes_the_default_and_the_text():
    assert definitions.in_force("Softmax", 12) == 11
    transition = definitions.transition("Softmax", 11, 13)
    assert transition.summary is Summary.DEFAULT_CHANGED
    (axis,) = (c for c in transition.changes if c.kind is Kind.DEFAULT_CHANGED)
    assert (axis.parameter, axis.before, axis.after) == ("axis", "1", "-1")
    (note,) = definitions.notes("Softmax", 11, 13)
    assert note.numeric and note.parameter == "axis"


def test_text_changes_hold_the_sentences_that_differ():
    (text,) = (c for c in definitions.transition("Pad", 18, 19).changes if c.parameter == "mode")
    assert text.kind is Kind.TEXT_CHANGED
    assert "`wrap`" in text.after and "`wrap`" not in text.before


def test_going_down_that_only_loses_types():
    assert definitions.transition("Relu", 13, 14).summary is Summary.TYPES_ONLY
    assert definitions.down_is_types_only("Relu", 14, 13)
    assert definitions.down_is_types_only("Relu", 14, 6)
    assert not definitions.down_is_types_only("Relu", 14, 1)  # consumed_inputs
    assert not definitions.down_is_types_only("Relu", 13, 14)  # upwards
    assert not definitions.down_is_types_only("Resize", 19, 18)  # text, same types
    assert not definitions.down_is_types_only("Clip", 13, 12)  # a note that results can differ
    assert not definitions.down_is_types_only("ReduceLogSum", 28, 18)  # loses types upwards


def test_deprecated_versions():
    assert definitions.deprecated("Upsample", 10) and not definitions.deprecated("Upsample", 9)
    assert definitions.transition("Upsample", 9, 10).summary is Summary.DEPRECATED
