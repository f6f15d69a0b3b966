"""The operator's own schema changed between the two opsets: cited, in one sentence."""

from __future__ import annotations

import re

from opset_atlas.causes import Cause, Situation
from opset_atlas.causes._fit import as_before, concerns, notes_on
from opset_atlas.differences.difference import Difference
from opset_atlas.operators import definitions
from opset_atlas.operators.definitions import Kind, SchemaChange, Transition
from opset_atlas.records import Attribute, Node

ORDER = 10


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """The schema change behind a difference of one node, or None."""
    if len(difference.left) != 1 or len(difference.right) != 1:
        return None
    one, other = difference.left[0], difference.right[0]
    if one["op"] != other["op"] or None in (one["since"], other["since"]):
        return None
    case = _Case(difference, situation, one, other)
    if one["since"] == other["since"]:
        return case.unread() if difference.kind in {"input", "attribute"} else None
    match difference.kind:
        case "input":
            return case.input()
        case "attribute-to-input" | "input-to-attribute":
            return case.moved()
        case "attribute":
            return case.attribute()
        case "semantics":
            return case.semantics()
    return None


class _Case:
    """One difference of one node whose schema version differs."""

    def __init__(
        self, difference: Difference, situation: Situation, one: Node, other: Node
    ) -> None:
        assert one["since"] is not None and other["since"] is not None
        self.difference, self.situation = difference, situation
        self.one, self.other = one, other
        self.op, self.domain = one["op"], one["domain"]
        self.old, self.new = one["since"], other["since"]
        self.transition: Transition = definitions.transition(
            self.op, self.old, self.new, self.domain
        )

    def input(self) -> Cause | None:
        """An input given in another way: it became optional, required, or exists on one side."""
        name = self.difference.parameter
        for change in self._changes(name):
            if change.kind in {Kind.BECAME_OPTIONAL, Kind.BECAME_REQUIRED}:
                return self._optionality(name, change)
            if change.kind in {Kind.INPUT_ADDED, Kind.INPUT_REMOVED}:
                return self._one_sided(name, change)
        return self.unread()

    def unread(self) -> Cause | None:
        """A parameter that the schema says is not read here, however it is given."""
        name = self.difference.parameter
        unread, condition = self._condition(name)
        if not unread:
            return None
        sentence = (
            f"`{name}` of {self.op}-{self.new} is read only {condition}, so both mean the same: "
            f"{self.difference.before}, and {self.difference.after}."
        )
        return self._cause(sentence, neutral=True, numeric=False)

    def _optionality(self, name: str, change: SchemaChange) -> Cause | None:
        requires, relaxed = (
            (self.old, self.new) if change.kind is Kind.BECAME_OPTIONAL else (self.new, self.old)
        )
        strict, loose = (
            (self.difference.before, self.difference.after)
            if requires == self.old
            else (self.difference.after, self.difference.before)
        )
        if loose != "omitted":
            return None  # being allowed to omit it does not explain another value
        unread, condition = self._condition(name)
        empty = strict.startswith("an empty tensor") and not condition
        because = f"{self.op}-{requires} requires it; {self._who()} passes {strict}"
        sentence = (
            f"{self._opsets(requires)} {self.op} takes `{name}` because {because}. "
            f"{self.op}-{relaxed} made it optional, "
            f"so from opset {relaxed} it is omitted."
        )
        if unread:
            sentence += f" It is read only {condition}, so nothing that is computed changes."
        elif condition:
            sentence += f" It is read {condition}, which is the case here."
        elif empty:
            sentence += (
                " An empty tensor and an omitted input mean the same here: no value is given."
            )
        return self._cause(sentence, neutral=unread or empty, numeric=not (unread or empty))

    def _condition(self, name: str) -> tuple[bool, str]:
        """Whether the schema says that a parameter is not read here, and when it is read."""
        if (self.op, name) in _WITH_PADDING and not self.domain:
            unread = not any(map(_padded, (self.one, self.other)))
            return unread, "where a window reaches into padding" + (
                ", and there is none here" if unread else ""
            )
        condition = None
        for version in sorted({self.old, self.new}, reverse=True):
            inputs = definitions.inputs(self.op, version, self.domain)
            attributes = definitions.attributes(self.op, version, self.domain)
            if name in {parameter.name for parameter in inputs} | attributes.keys():
                condition = condition or definitions.condition_value(
                    self.op, version, name, self.domain
                )
        if condition is None:
            return False, ""
        attribute, value = condition
        here = [found["value"] for n in (self.one, self.other) if (found := _named(n, attribute))]
        shown = " and ".join(f"`{v}`" for v in dict.fromkeys(here))
        words = f"when `{attribute}` is `{value}`" + (f" (here it is {shown})" if here else "")
        return value not in here, words

    def _one_sided(self, name: str, change: SchemaChange) -> Cause:
        added = change.kind is Kind.INPUT_ADDED
        verb = "has" if added else "no longer has"
        value = self.difference.after if added else self.difference.before
        sentence = f"{self.op}-{self.new} {verb} the input `{name}`; {self._who()} gives {value}."
        unread, condition = self._condition(name)
        if unread and value != "omitted":
            sentence += f" It is read only {condition}, so nothing that is computed changes."
        same = as_before(self.other if added else self.one, name, self.old if added else self.new)
        if same and value != "omitted":
            sentence += " That is what it means to leave it out."
        neutral = unread or same or value == "omitted"
        return self._cause(sentence, neutral=neutral, numeric=not neutral)

    def moved(self) -> Cause | None:
        """A value that is an attribute in one version and an input in the other."""
        name = self.difference.parameter
        to_input = self.difference.kind == "attribute-to-input"
        wanted = Kind.ATTRIBUTE_TO_INPUT if to_input else Kind.INPUT_TO_ATTRIBUTE
        if not any(change.kind is wanted for change in self._changes(name)):
            return None
        old, new = ("an attribute", "an input") if to_input else ("an input", "an attribute")
        same = self.difference.neutral
        pair = (self.difference.before, self.difference.after)
        end = f"It was {pair[0]} and is {pair[1]}."
        if same:
            end = "The value is the same, so nothing that is computed changes."
        elif any(side.startswith("computed") for side in pair):
            end += " The files alone do not show whether both are equal."
        sentence = (
            f"`{name}` is {new} from {self.op}-{self._since(name)} on; "
            f"{self.op}-{self.old} has it as {old}. {end}"
        )
        return self._cause(sentence, neutral=same, numeric=not same)

    def attribute(self) -> Cause | None:
        """An attribute that only one version has, or whose default changed."""
        name = self.difference.parameter
        before, after = _named(self.one, name), _named(self.other, name)
        for change in self._changes(name):
            if change.kind is Kind.ATTRIBUTE_ADDED and before is None and after is not None:
                return self._new_attribute(name, after)
            if change.kind is Kind.ATTRIBUTE_REMOVED and after is None:
                return self._gone_attribute(name)
            if change.kind is Kind.DEFAULT_CHANGED and not (
                before and before["written"] and after and after["written"]
            ):
                sentence = (
                    f"The default of `{name}` changed from {change.before} to {change.after} with "
                    f"{self.op}-{self._since(name)}, and the file leaves it to the default."
                )
                return self._cause(sentence, neutral=False, numeric=True)
        return self.unread() or self._reworded(name)

    def _new_attribute(self, name: str, after: Attribute) -> Cause:
        value = self.difference.after
        same = as_before(self.other, name, self.old)
        if after["default"]:
            end = f"{self._who()} writes its default `{value}`"
        elif same:
            end = f"{self._who()} sets it to `{value}`, which is what {self.op}-{self.old} does"
        else:
            end = f"{self._who()} sets it to `{value}`"
        sentence = f"`{name}` is new in {self.op}-{self._since(name)}; {end}."
        unread, condition = self._condition(name)
        if unread and not same:
            sentence += f" It is read only {condition}, so nothing that is computed changes."
        return self._cause(sentence, neutral=same or unread, numeric=not (same or unread))

    def _gone_attribute(self, name: str) -> Cause:
        same = as_before(self.one, name, self.new)
        sentence = f"{self.op}-{self.new} no longer has the attribute `{name}`" + (
            f"; it was `{self.difference.before}`, which is what {self.op}-{self.new} does."
            if same
            else f", which was `{self.difference.before}`."
        )
        return self._cause(sentence, neutral=same, numeric=not same)

    def _reworded(self, name: str) -> Cause | None:
        """An attribute whose meaning or spelling changed in the text: known from reviewed notes."""
        newer, older = sorted((self.one, self.other), key=lambda node: -(node["since"] or 0))
        new = notes_on(newer, name, older["since"] or 0)
        notes = [note for note in self._notes() if note.parameter == name]
        notes = [note for note in notes if note in new or self._names_both(note)]
        told = [note for note in notes if concerns(note, newer, older)]
        if not told and notes and self.difference.neutral:
            # The version that counts an axis otherwise is why it is written otherwise, also where
            # both come to the same: one cause for all nodes, whether a file tells the rank or not.
            words = f"Here {self.difference.before} and {self.difference.after} mean the same."
            return self._cause(
                f"{' '.join(note.note for note in notes)} {words}", neutral=True, numeric=False
            )
        if not told:
            return None
        words = f"{self._who()} wrote {self.difference.before} and writes {self.difference.after}"
        sentence = f"{' '.join(note.note for note in told)} Therefore {words}."
        same = self.difference.neutral or any(self._respelled(note) for note in told)
        return self._cause(sentence, neutral=same, numeric=not same)

    def _respelled(self, note: definitions.Note) -> bool:
        pair = self.difference.before, self.difference.after
        return pair in note.renames.items() or pair[::-1] in note.renames.items()

    def _names_both(self, note: definitions.Note) -> bool:
        """Whether a note is about these values: it names both, or the meaning of all numbers."""
        before, after = (
            _named(self.one, self.difference.parameter),
            _named(self.other, self.difference.parameter),
        )
        values = [a["value"] for a in (before, after) if a]
        if not all(isinstance(value, str) for value in values):
            return note.numeric and not note.when
        return all(re.search(rf"\b{re.escape(value)}\b", note.note) for value in values)

    def semantics(self) -> Cause | None:
        """The same node, whose specification says something else: known from reviewed notes."""
        notes = [n for n in self._notes() if n.numeric and concerns(n, self.one, self.other)]
        if not notes:
            return None
        words = " ".join(note.note for note in notes)
        return self._cause(f"{self.op}-{self.new}: {words}", neutral=False, numeric=True)

    def _who(self) -> str:
        return "the exporter" if self.situation.exporter else "the file"

    def _notes(self) -> list[definitions.Note]:
        return list(definitions.notes(self.op, self.old, self.new, self.domain))

    def _changes(self, name: str) -> list[SchemaChange]:
        stem = name.partition("[")[0]
        return [change for change in self.transition.changes if stem in change.names]

    def _since(self, name: str) -> int:
        """The version between the two that made the change to a parameter."""
        for step in self.transition.steps:
            if any(name in change.names for change in step.changes):
                return max(step.old, step.new)
        return max(self.old, self.new)

    def _opsets(self, version: int) -> str:
        """`At opset 11 and 12`, `From opset 13`: where a schema version is in force."""
        later = [v for v in definitions.versions(self.op, self.domain) if v > version]
        if not later:
            return f"From opset {version}"
        last = later[0] - 1
        if last == version:
            return f"At opset {version}"
        joined = "and" if last == version + 1 else "to"
        return f"At opset {version} {joined} {last}"

    def _url(self) -> str:
        page = definitions.url(self.op, self.old, self.new, self.domain)
        return page or definitions.operator_url(self.op, self.domain) or ""

    def _cause(self, sentence: str, neutral: bool, numeric: bool) -> Cause:
        return Cause(
            cause="schema",
            explanation=sentence,
            schema_class=str(self.transition.summary),
            from_version=self.old,
            to_version=self.new,
            url=self._url(),
            neutral=neutral,
            numeric=numeric,
        )


# "Whether include pad pixels when calculating values for the edges": without any, it says nothing.
_WITH_PADDING = {("AveragePool", "count_include_pad")}


def _padded(node: Node) -> bool:
    """Whether a pooling window may reach beyond the input."""
    found = {each["name"]: each["value"] for each in node["attributes"]}
    explicit = found.get("auto_pad", "NOTSET") in {"NOTSET", "VALID"}
    return not explicit or bool(found.get("ceil_mode", 0)) or any(found.get("pads", []))


def _named(node: Node, name: str) -> Attribute | None:
    return next((a for a in node["attributes"] if a["name"] == name), None)
