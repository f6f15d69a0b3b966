"""The records that stages hand to each other.

Every record is a JSON file with `version` and `stage`. Nothing in a record depends on the clock,
the machine's load or the run's folder; durations go into `timing.json` next to it. Equal work thus
gives equal bytes, and Snakemake's checksums can stop a rebuild.

`schemas/records/*.schema.json` is generated from the types below (`make schemas`).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# Not from `typing`: pydantic, which makes the schemas, needs this one before Python 3.12.
from typing_extensions import TypedDict

VERSION = 1

# The result of a cell. No exporter was called where the model itself does not run (`no-model`),
# this program cannot handle it (`unsupported`), or this program failed on it (`internal-error`).
Outcome = Literal[
    "ok", "refused", "moved", "invalid", "crashed", "timeout", "no-model", "unsupported",
    "internal-error",
]  # fmt: skip

# What a runtime did with a cell's file.
RunOutcome = Literal[
    "ran", "rejected", "no-kernel", "failed", "crashed", "timeout", "absent", "unavailable",
    "internal-error",
]  # fmt: skip

# Ordered from best to worst; `judge` takes the worst of a cell's outputs.
Meaning = Literal["equal", "can differ", "open", "differs"]
Verdict = Literal[
    "exact", "within-noise", "above-noise", "vacuous", "no-noise-floor",
    "ill-conditioned", "misdeclared", "metric-moved", "random", "fixed-size", "mismatch",
]  # fmt: skip


class Failure(TypedDict):
    """A defect of this program, not a finding about a model or a file.

    `what`: the cell or step that failed; "" for the stage's whole work on a model.
    """

    what: str
    detail: str
    traceback: str


class ModelFailure(Failure):
    """A defect of this program, with the stage that failed and the model it was working on."""

    model: str
    stage: str


class Signature(TypedDict):
    """One input or output of a model; `shape` is the shape of the example tensor."""

    name: str
    dtype: str
    shape: list[int]


class Source(TypedDict):
    """A file that a model depends on, with the hash of its content."""

    path: str
    sha256: str


# The part of an output that changes from run to run.
Randomness = Literal["values", "shape"]


class ReferenceSet(TypedDict):
    """How the eager module behaved on one input set.

    `name` ends in `@batch=1,length=7` where these dimensions differ from the traced ones.
    `random`: the outputs that change from run to run, by name, and which part of them changes.
    `float64`: whether a float64 run can serve as the truth here; `why_not` says why it cannot.
    """

    name: str
    random: dict[str, Randomness]
    float64: bool
    why_not: str


class DefineRecord(TypedDict):
    """results/define/{model}/record.json; the tensors are in safetensors files next to it.

    `inputs.safetensors` holds "{set}/{i}" for input i; `reference.safetensors` holds
    "{set}/eager/{i}" (the model's own dtype) and, where usable, "{set}/float64/{i}" for output i.
    `outcome`: `failed` is the model's own fault, confirmed by a run without this package;
    `unsupported` is a limit of this package. `set_to_eval`: `name (Class)` of the submodules that
    were in training mode and compute something else in that mode. `least_precise`: the least
    precise floating-point type that any part of the model is computed in; "" where unknown.
    `call`: what the module is called with, in Python's words. `flattened`: the exporters get a
    `forward` that takes and returns tensors instead, since not every argument is a tensor that is
    given by position, or a parameter has a default, or the result holds a cache or a dataclass.
    """

    version: int
    stage: Literal["define"]
    model: str
    kind: Literal["torch", "onnx"]
    outcome: Literal["ok", "failed", "unsupported", "internal-error"]
    detail: str
    traceback: str
    definition: str
    parameters: int
    set_to_eval: list[str]
    least_precise: str
    seed: int
    inputs: list[Signature]
    outputs: list[Signature]
    call: str
    flattened: bool
    sets: list[ReferenceSet]
    sources: list[Source]
    weights_sha256: str
    inputs_sha256: str
    reference_sha256: str
    versions: dict[str, str]
    failures: NotRequired[list[Failure]]


class Message(TypedDict):
    """A warning or log line of an exporter; `source` is its category or logger.

    `place`: the line of the user's code that the warning is about (`base.source_lines`), or "".
    """

    level: str
    source: str
    text: str
    place: str
    count: int


class DeclaredPort(TypedDict):
    """One input or output of a graph as its file declares it.

    `dtype` is "" where the file declares no tensor. `shape` is None where it declares no rank. A
    size is a number, a name, an expression over names, or None.
    """

    name: str
    dtype: str
    shape: list[int | str | None] | None


class Declared(TypedDict):
    """The inputs (without initializers) and outputs that a file declares, in the file's order."""

    inputs: list[DeclaredPort]
    outputs: list[DeclaredPort]


class Cell(TypedDict):
    """The result of one export request. Everything about the file was read from the file.

    `size_bytes` and `delivered_sha256` describe what the exporter wrote: the size includes external
    data files, the hash covers only the ONNX file. `sha256` is the hash of `file` as stored in
    `cells/`. `tensors` holds the hashes of the files next to it with its tensors: large tensors are
    moved into files after reading (`onnx_files.tensors`), so that the cells of a sweep share them.
    These files are named by their hashes, so files of equal `sha256` have equal tensors too.
    `beside` counts the external data files that the exporter itself wrote.

    `way`: "plain" is the unmodified exporter; "memoized" shares work that does not depend on the
    opset among the cells of a sweep; "by reference" converts a file without its large tensors,
    which stay in separate files; "plain: " is followed by why that was not done. Empty where the
    exporter returned nothing.

    `source`: for a cell that is not `ok`, the lines of the user's code that its message or file
    names (`base.source_lines`).
    """

    requested: int
    outcome: Outcome
    detail: str
    source: str
    delivered: int | None
    imports: dict[str, int]
    ir_version: int | None
    file: str | None
    size_bytes: int | None
    nodes: int | None
    declared: Declared | None
    sha256: str | None
    tensors: dict[str, str]
    beside: int
    delivered_sha256: str | None
    canonical_sha256: str | None
    messages: list[Message]
    traceback: str
    fingerprint: str
    base: str
    way: str


class ExportRecord(TypedDict):
    """results/export/{model}/{exporter}/record.json; the ONNX files are in `cells/` next to it.

    `lines`: the line of the user's code that each node comes from, by the node's name, where a
    tracer warned and the file itself does not say (`base.source_lines`).
    """

    version: int
    stage: Literal["export"]
    model: str
    exporter: str
    versions: dict[str, str]
    cells: list[Cell]
    lines: NotRequired[dict[str, str]]
    failures: NotRequired[list[Failure]]


class Port(TypedDict):
    """One input or output of a node, under its formal parameter name.

    `given`: where an input comes from. `omitted` is the empty name that the specification allows
    for an optional input; `empty` is a tensor without elements; `constant` is a Constant node's
    value; `initializer`; `input` of the graph; `value` is another node's output; `outer` is a value
    of an enclosing graph. Outputs are `value` or `omitted`. `value` holds the content of a small
    constant.

    `computed`: the nodes that compute this constant; set only while two graphs are compared.
    """

    parameter: str
    name: str
    given: Literal["value", "input", "initializer", "constant", "empty", "omitted", "outer"]
    dtype: NotRequired[str]
    shape: NotRequired[list[int | str | None] | None]
    value: NotRequired[Any]
    sha256: NotRequired[str]
    computed: NotRequired[list[Node]]


class Attribute(TypedDict):
    """`default`: the value equals the schema's default; `written`: the file states the value."""

    name: str
    type: str
    value: Any
    default: bool
    written: bool


class Node(TypedDict):
    """`since`: the schema version in force; `scope`: the module path, if the exporter kept it.

    `origin`: for a node of an inlined function, the index of its call in the file; set only while
    two graphs are compared.
    """

    index: int
    name: str
    op: str
    domain: str
    since: int | None
    scope: str
    inputs: list[Port]
    outputs: list[Port]
    attributes: list[Attribute]
    subgraphs: dict[str, Graph]
    origin: NotRequired[int]


class Graph(TypedDict):
    """A graph in the order of the file. `inputs` and `outputs` are typed values."""

    name: str
    inputs: list[Port]
    outputs: list[Port]
    nodes: list[Node]


class Function(TypedDict):
    """A local function. `attributes`: the attributes that have a default, with that default."""

    domain: str
    name: str
    attributes: list[Attribute]
    graph: Graph


class GraphFile(TypedDict):
    """results/dump/{model}/graphs/{digest}.json: one distinct graph."""

    version: int
    graph: Graph
    functions: list[Function]


class DumpCell(TypedDict):
    requested: int
    graph: str | None
    imports: dict[str, int]
    detail: str


class Departure(TypedDict):
    """An input whose rank the operator's version does not allow, and how many nodes have it.

    `says`: the sentence of the schema's text that rules it out.
    """

    operator: str
    parameter: str
    rank: int
    says: str
    url: str
    nodes: int


class GraphEntry(TypedDict):
    """`operators`: the node count of each; a local function counts once, however often called.

    `picture`: a file name, or "" with the reason in `notice`. `departures`: where the file departs
    from the specification's text. `aten`: per operator, what its nodes were in torch, where a file
    says it.
    """

    json: str
    text: str
    picture: str
    notice: str
    nodes: int
    operators: dict[str, int]
    departures: NotRequired[list[Departure]]
    aten: NotRequired[dict[str, list[str]]]


class DumpRecord(TypedDict):
    """results/dump/{model}/record.json: the cells of each exporter, and the graphs they share."""

    version: int
    stage: Literal["dump"]
    model: str
    sweeps: dict[str, list[DumpCell]]
    graphs: dict[str, GraphEntry]
    failures: NotRequired[list[Failure]]


class Measure(TypedDict):
    """One output on one input set, measured against the reference but not judged.

    `structure` is "" or says what differs (missing, dtype, shape); then nothing else is measured.
    `elements`: how many finite positions were compared. Errors are the runtime's, against the
    float64 output where there is one, else against the eager output. `slices` and `frontier` are
    Pareto fronts that suffice to judge exactly under any tolerance: pairs (n_torch, n_runtime) of
    the slices along axis 1 and the last axis, and pairs (|expected|, |difference|) of the elements
    against the eager output. `flips` counts discrete values that differ. For declared indices,
    `flip_margin` is the largest distance in float64 between a flipped index's value and its
    neighbor in rank, and `flip_error` is the error of those values. `flat_input`: every float input
    is constant, or every integer input where there is no float input; `undecided`: which index is
    right is therefore open. `random`: the part of torch's own output that changes from run to run
    on any input set; then only `structure` is measured. `computed_in`: the type that sets the unit
    and the tolerances, where the output is computed in a less precise type than its own.
    """

    output: str
    set: str
    dtype: str
    structure: str
    masks: str
    float64: bool
    elements: int
    constant: bool
    exact: bool
    max_abs: float | None
    max_rel: float | None
    p99: float | None
    rms_ratio: float | None
    snr_db: float | None
    one_minus_cosine: float | None
    ulp: float | None
    worst_index: list[int] | None
    n_torch: float | None
    n_runtime: float | None
    slices: list[list[float]]
    frontier: list[list[float]]
    flips: int
    flip_margin: float | None
    flip_error: float | None
    flat_input: NotRequired[bool]
    undecided: NotRequired[bool]
    random: NotRequired[Randomness]
    computed_in: NotRequired[str]


class Misdeclared(TypedDict):
    """A declaration of an input or output that a run contradicted.

    `output`: whether the port is an output. `axis` is None where the whole port is meant.
    `declared` and `given` are spelled as a reader would write them: `float32`, `3`, `batch`.
    `set`: the first input set that shows it. `at` "other sizes": not at the traced sizes.
    """

    port: str
    output: bool
    what: Literal["dtype", "rank", "size", "symbol"]
    axis: int | None
    declared: str
    given: str
    set: str
    at: Literal["every size", "other sizes", "other values"]


class MetricValue(TypedDict):
    """A metric of the user's over a model's input sets (`numerics.metrics`), not judged.

    `value`: None where it has none, with the reason in `detail`.
    """

    metric: str
    value: float | Literal["nan", "inf", "-inf"] | None
    detail: str


class RunCell(TypedDict):
    """One file in one variant of a runtime (`onnxruntime`, `onnxruntime-unoptimized`, …).

    `metrics`: those of the configuration, where the file ran.
    """

    exporter: str
    requested: int
    runtime: str
    outcome: RunOutcome
    detail: str
    sha256: str | None
    measures: list[Measure]
    misdeclared: list[Misdeclared]
    metrics: NotRequired[list[MetricValue]]


class ParityRecord(TypedDict):
    """results/parity/{model}/{runtime}.json; `metrics` are those of torch's own outputs."""

    version: int
    stage: Literal["parity"]
    model: str
    runtime: str
    versions: dict[str, str]
    fingerprint: str
    cells: list[RunCell]
    metrics: NotRequired[list[MetricValue]]
    failures: NotRequired[list[Failure]]


class OutputVerdict(TypedDict):
    """The verdict on one output over all input sets; `set` is the input set that decided."""

    output: str
    verdict: Verdict
    set: str
    detail: str
    max_abs: float | None
    max_rel: float | None
    n_torch: float | None
    n_runtime: float | None


class MetricVerdict(TypedDict):
    """A metric of torch's outputs (`reference`) and of a file's (`value`), and whether it moved.

    `difference`: None where one of them is no finite number. `tolerance`: how far it may move.
    """

    metric: str
    reference: float | Literal["nan", "inf", "-inf"] | None
    value: float | Literal["nan", "inf", "-inf"] | None
    difference: float | None
    tolerance: float
    moved: bool
    detail: str


class CellVerdict(TypedDict):
    """`verdict` is the worst of `outputs`, or the runtime's outcome where it did not run.

    It is `metric-moved` where a metric moved and no output is worse than `misdeclared`.

    `note`: what is worth knowing whatever the verdict, such as inputs that the graph lacks.
    `degenerate_only`: the input sets that it is wrong on, where on each of them every input is
    constant, and where it is right on all others; absent otherwise.
    """

    model: str
    exporter: str
    requested: int
    runtime: str
    verdict: str
    detail: str
    note: str
    outputs: list[OutputVerdict]
    degenerate_only: NotRequired[list[str]]
    metrics: NotRequired[list[MetricVerdict]]


class JudgeRecord(TypedDict):
    """results/judge/verdicts.json; `failures` includes those of the parity records."""

    version: int
    stage: Literal["judge"]
    cells: list[CellVerdict]
    failures: NotRequired[list[ModelFailure]]


class BlamedNode(TypedDict):
    """A node that is to blame: `index` in the order of the file, `since` its schema version.

    `text`: operator, version and the attributes that differ from their defaults. `inside`: for a
    node in a subgraph, where that is (`then_branch of If /If`, `pass 2 of 4 of Loop`); `index` is
    then the index of the enclosing node.
    """

    index: int
    text: str
    op: str
    domain: str
    since: int | None
    name: str
    scope: str
    inside: str


class BlamedInput(TypedDict):
    """An input that a blamed node gets from outside the blamed part, and its range of values.

    `minimum` and `maximum` cover the finite values on the input set that decided; None where there
    are none or where the values are not numbers.
    """

    node: int
    parameter: str
    given: str
    dtype: str
    shape: list[int]
    minimum: float | None
    maximum: float | None


class Symptom(TypedDict):
    """A wrong result beside the right one: the pattern in words, and a slice to show.

    `dtype` and `shape` are of the right result and of the wrong one. `wrong` counts the elements
    that are off by more than is allowed. `at`: the index of the worst one. `expected`, `got` and
    `off`: rows of the last two axes around it, and which of their elements are wrong; "nan", "inf"
    and "-inf" are texts. `empty_rows`: rows along the first axis that hold all that is wrong, and
    in which an input has one value only, as in padding or a row that is masked completely.
    """

    pattern: str
    dtype: list[str]
    shape: list[list[int]]
    wrong: int
    elements: int
    at: list[int]
    expected: list[list[float | str]]
    got: list[list[float | str]]
    off: list[list[bool]]
    empty_rows: list[int]


class Located(TypedDict):
    """Where a wrong result begins: the first nodes whose inputs agree and whose result does not.

    `requested`: the opsets whose files have this fault. The other fields describe the first of
    them; the schema versions of the others may differ. `fault`: the `file` says something other
    than the model; the runtime's `kernel` or its `optimization` computes something other than the
    file says; the `outputs` of the graph are not the model's; the result is `constant` in the file;
    `undecided` between file and kernel; `unconfirmed` where another computation differs and nothing
    says which one is right.

    `output` is the wrong output, `value` the first wrong value in the file, `against` the source of
    the right value. `error` and `allowed` are in units of rounding. `stops`: the runtime fails at
    the node, and `difference` is its message. `repairs`: with the right value substituted, the
    output is right. `idle`: the blamed node changes nothing, so something is missing at its place.
    `early`: the operator of the right computation that gives the same value on the way to the right
    one. `instead`: what the right computation has there. `right_at`: an opset at which the very
    same nodes are right. `inherited`: the file was converted from this one, which is wrong too.
    `source`: the lines of the user's code that the nodes were made from, where a file of the model
    says so. `reproducer` is a folder next to the record, or "" with the reason in `detail`;
    `shows`: the cut-out part in it was run and is wrong. `symptom`: the results of that part, right
    and wrong; `script`: it as one script that needs no other file, where it is short enough.
    """

    exporter: str
    requested: list[int]
    runtimes: list[str]
    verdict: str
    output: str
    set: str
    fault: Literal[
        "file", "kernel", "optimization", "outputs", "constant", "undecided", "unconfirmed"
    ]
    nodes: list[BlamedNode]
    inputs: list[BlamedInput]
    value: str
    difference: str
    error: float | None
    allowed: float | None
    against: str
    stops: bool
    repairs: bool
    idle: bool
    early: str
    instead: str
    right_at: int | None
    inherited: str
    source: str
    sentence: str
    reproducer: str
    shows: bool
    detail: str
    symptom: NotRequired[Symptom]
    script: NotRequired[str]


class LocateRecord(TypedDict):
    """results/locate/{model}/record.json; the reproducers are in `reproducers/` next to it."""

    version: int
    stage: Literal["locate"]
    model: str
    located: list[Located]
    failures: NotRequired[list[Failure]]


class Place(TypedDict):
    """Where a change shows: the node's name, scope, and index on each side (None: absent)."""

    from_node: int | None
    to_node: int | None
    name: str
    scope: str


class Change(TypedDict):
    """One difference between the graphs of two opsets, with its cause.

    `cause`: `schema` (cited by `op_type`, `from_version`, `to_version`, `url`), `replacement`,
    `exporter`, `converter`, `unexplained`. `schema_class` is the class of the schema transition.
    `neutral`: both sides mean the same; `numeric`: the change can affect the numbers.
    """

    kind: str
    op_type: str
    domain: str
    parameter: str
    before: str
    after: str
    neutral: bool
    cause: str
    schema_class: str
    from_version: int | None
    to_version: int | None
    explanation: str
    numeric: bool
    url: str
    places: list[Place]


class Step(TypedDict):
    """Two adjacent opsets of a sweep. `changes` is empty where the graphs mean the same."""

    from_opset: int
    to_opset: int
    from_graph: str
    to_graph: str
    changes: list[Change]


class Range(TypedDict):
    """A range of opsets over which nothing changes; `graph` is the first one's."""

    first: int
    last: int
    graph: str


class Compared(TypedDict):
    """What changes from opset to opset in one sweep."""

    steps: list[Step]
    ranges: list[Range]


class Contrast(TypedDict):
    """Two exporters of a model, over the opsets at which the pair of graphs stays the same."""

    left: str
    right: str
    opsets: list[int]
    left_graph: str
    right_graph: str
    changes: list[Change]


class CompareRecord(TypedDict):
    """results/compare/{model}/record.json: each exporter's sweep, and pairs of exporters."""

    version: int
    stage: Literal["compare"]
    model: str
    sweeps: dict[str, Compared]
    pairs: list[Contrast]
    failures: NotRequired[list[Failure]]


# The result of converting a file by one opset, from best to worst. `unproven`: it runs, but the
# verdict is neither right nor wrong.
AuditOutcome = Literal[
    "right", "no-kernel", "unproven", "refused", "timeout", "crashed", "invalid", "wrong",
    "internal-error",
]  # fmt: skip
# The converter's defects. A refusal is not one: its message says what is missing.
AUDIT_DEFECTS = frozenset({"timeout", "crashed", "invalid", "wrong"})


class AuditOperator(TypedDict):
    """The result for one operator of a step; versions are those in force before and after it.

    `evidence`: the whole `file` is right; a `cut` of one node shows it; the converter's `message`
    names it; or it is the `only` operator that changes. `reproducer`: a folder in `defects/` or "".
    """

    operator: str
    from_version: int | None
    to_version: int | None
    outcome: AuditOutcome
    evidence: Literal["file", "cut", "message", "only"]
    detail: str
    reproducer: str


class AuditCell(TypedDict):
    exporter: str
    requested: int


class AuditStep(TypedDict):
    """A right file converted to the next opset up or down.

    `cells` have this file. `one_of`: the candidates, where nothing proves which operator it was.
    """

    from_opset: int
    to_opset: int
    canonical_sha256: str
    cells: list[AuditCell]
    outcome: AuditOutcome
    detail: str
    operators: list[AuditOperator]
    one_of: list[str]
    reproducer: str


class AuditRecord(TypedDict):
    """results/audit/{model}/record.json; `not_right` counts the cells whose file is not right."""

    version: int
    stage: Literal["audit"]
    model: str
    versions: dict[str, str]
    not_right: int
    steps: list[AuditStep]
    failures: NotRequired[list[Failure]]


class Apart(TypedDict):
    """How far an output of the second of two files is from the first file's, on the worst set.

    `units` of rounding: `max|y2 - y1| / (eps · max|y1|)` in the output's dtype; None for outputs
    that are not rounded, of which `different` of `elements` values differ. `detail` tells another
    shape or dtype, or NaN and infinities elsewhere.
    """

    output: str
    dtype: str
    verdict: Verdict
    units: float | None
    max_abs: float | None
    set: str
    detail: str
    different: int
    elements: int


class RunTogether(TypedDict):
    """Two files run on the same random inputs; `sizes` are those that the files leave open.

    Integer inputs are 0 to `integers`. `problem` says why they could not be run; `outputs` is then
    empty.
    """

    runtime: str
    sets: list[str]
    sizes: dict[str, int]
    integers: int
    notes: list[str]
    problem: str
    outputs: list[Apart]


class RunAlone(TypedDict):
    """A file run on random inputs: what it gives, and what of that it declares otherwise.

    `sizes`, `integers` and `problem` are as in `RunTogether`.
    """

    runtime: str
    sets: list[str]
    sizes: dict[str, int]
    integers: int
    problem: str
    outputs: list[Signature]
    misdeclared: list[Misdeclared]


class FileFacts(TypedDict):
    """What a file says of itself. `nodes` counts those of the main graph."""

    name: str
    opset: int | None
    imports: dict[str, int]
    ir_version: int
    producer: str
    nodes: int


class OperatorUse(TypedDict):
    """An operator of a file in the version that its opset uses, and its next version, if any.

    `summary` classifies the step to `following`; `numeric`: results can differ there.
    """

    operator: str
    domain: str
    op: str
    since: int | None
    nodes: int
    deprecated: bool
    following: int | None
    summary: str
    numeric: bool


class Loader(TypedDict):
    """A library, the newest opset and IR version that it reads, and what it says of the file.

    `oldest` is the first release that reads files of this opset and IR version, "" if unknown.
    `problem` is "" where it reads the file, None where it was not tried.
    """

    name: str
    version: str
    opset: int | None
    ir_version: int | None
    oldest: str
    problem: str | None


class CheckReport(TypedDict):
    """What `opset-atlas check --json` prints. `problems` in words; without any, all is well."""

    version: int
    file: FileFacts
    size_bytes: int
    problems: list[str]
    loaders: list[Loader]
    declared: Declared
    run: RunAlone | None
    departures: list[Departure]
    operators: list[OperatorUse]


class DiffReport(TypedDict):
    """What `opset-atlas diff --json` prints.

    `verdict`: `equal` in meaning; `can differ`: a change with a known cause can matter; `open`: one
    can matter and nothing explains it, or the run that was asked for failed; `differs`: a run has
    shown it.
    """

    version: int
    verdict: Meaning
    files: list[FileFacts]
    changes: list[Change]
    run: RunTogether | None


class Closeness(TypedDict):
    """The tolerances of `torch.testing.assert_close`."""

    rtol: float
    atol: float


class ToleranceSettings(TypedDict):
    """See `numerics.tolerances`; `close` by dtype."""

    noise_factor: float
    noise_floor: float
    ill_conditioned: float
    close: dict[str, Closeness]


class Limit(TypedDict):
    """What a target reads: opsets from `lowest` to `highest`, IR versions up to `ir_version`."""

    target: str
    lowest: int | None
    highest: int | None
    ir_version: int | None


class AdviceSettings(TypedDict):
    """What the recommended setting is wanted for; see `findings.preference.Aim`."""

    policy: Literal["default", "widest-reach", "fewest-nodes"]
    limits: list[Limit]
    default_exporter: str


class RunSettings(TypedDict):
    """results/run.json: the settings for the stages that cover all models.

    `metrics`: by model and metric, how far it may move; `models`: the tolerances of models that
    have their own; `order`: the models as the configuration lists them; `sweeps`: exporters by
    model; `command`: how the run was started.
    """

    advice: AdviceSettings
    audit: bool
    command: str
    descriptions: dict[str, str]
    metrics: dict[str, dict[str, float]]
    models: dict[str, ToleranceSettings]
    order: list[str]
    runtimes: list[str]
    sweeps: dict[str, list[str]]
    tolerances: ToleranceSettings
    versions: dict[str, str | None]


class Setting(TypedDict):
    """An exporter and an opset to export at."""

    exporter: str
    opset: int


class SettingRange(TypedDict):
    """An exporter, and opsets without a gap that are right for every model that runs."""

    exporter: str
    first: int
    last: int


class AnswerException(TypedDict):
    """A model that the answer's setting is not right for: what to use instead, or why nothing."""

    model: str
    use: Setting | None
    why: str


class AnswerFinding(TypedDict):
    """Equal surprises: of one `kind`, of one model or, where a file moved, for one reason.

    `where`: `torchscript 9–15, converter 11`. `use`: a setting that is right for all these models.
    """

    kind: str
    models: list[str]
    where: str
    why: str
    use: Setting | None


class Answer(TypedDict):
    """results/answer.json: what a run says in a few lines, for the terminal.

    `right`: cells that qualify to be recommended. `setting`: the one that is right for most models,
    which are all but `exceptions`; of models that do not run there are none (`not_run`, with why).
    `for_all`: what is right for all that run, preferred first; `highest`: the newest opset
    asked for.
    `findings`: worst first; `others`: the numbers of other surprises, by kind.
    """

    version: int
    stage: Literal["answer"]
    models: int
    exporters: int
    cells: int
    files: int
    right: int
    runtimes: list[str]
    setting: Setting | None
    for_all: list[SettingRange]
    highest: int | None
    policy: str
    targets: list[str]
    exceptions: list[AnswerException]
    not_run: dict[str, str]
    findings: list[AnswerFinding]
    others: dict[str, int]
    failures: list[ModelFailure]
