"""The records that stages hand to each other.

Every record is a JSON file with `version` and `stage`. Nothing in a record depends on the clock,
the machine's load or the folder that the run stands in: durations live in `timing.json` beside it,
so that equal work gives equal bytes and Snakemake's checksums can stop a rebuild.

`schemas/records/*.schema.json` is generated from the types below (`make schemas`).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# Not from `typing`: pydantic, which makes the schemas, needs this one before Python 3.12.
from typing_extensions import TypedDict

VERSION = 1

# What became of a cell. Nothing was handed to an exporter where the model itself does not run
# (`no-model`), where it is beyond what this program can do (`unsupported`), or where this program
# failed over it (`internal-error`).
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
Verdict = Literal[
    "exact", "within-noise", "above-noise", "vacuous", "no-noise-floor",
    "ill-conditioned", "misdeclared", "random", "fixed-size", "mismatch",
]  # fmt: skip


class Failure(TypedDict):
    """A defect of this program, and no finding about a model or a file.

    `what`: the cell or the step that it happened to, "" for all that the stage does for a model.
    """

    what: str
    detail: str
    traceback: str


class ModelFailure(Failure):
    """A defect of this program with the stage and the model that it happened in."""

    model: str
    stage: str


class Signature(TypedDict):
    """One input or output of a model: `shape` is that of the example tensors."""

    name: str
    dtype: str
    shape: list[int]


class Source(TypedDict):
    """A file that takes part in a model, with the hash of its content."""

    path: str
    sha256: str


# What of an output changes from run to run.
Randomness = Literal["values", "shape"]


class ReferenceSet(TypedDict):
    """How the eager module behaved on one input set.

    `name`: with `@batch=1,length=7` at its end where these dimensions are not as traced. `random`:
    by name, the outputs that change from run to run, and what of them. `float64`: whether a run in
    float64 is the truth here; `why_not` says what spoilt it.
    """

    name: str
    random: dict[str, Randomness]
    float64: bool
    why_not: str


class DefineRecord(TypedDict):
    """results/define/{model}/record.json; tensors lie beside it as safetensors.

    `inputs.safetensors` holds "{set}/{i}" for input i; `reference.safetensors` holds
    "{set}/eager/{i}" (the model's own dtype) and, where usable, "{set}/float64/{i}" for output i.
    `outcome`: `failed` is the model's own fault, shown by a run without anything of this package
    too; `unsupported` a limit of this package. `set_to_eval`: `name (Class)` of the submodules that
    were in training mode and compute something else there. `least_precise`: the floating-point type
    of least precision that anything in the model is computed in, "" where that is not known.
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
    sets: list[ReferenceSet]
    sources: list[Source]
    weights_sha256: str
    inputs_sha256: str
    reference_sha256: str
    versions: dict[str, str]
    failures: NotRequired[list[Failure]]


class Message(TypedDict):
    """A warning or log line of an exporter; `source` is its category or logger.

    `place`: the line of the user's code that a warning is about (`base.source_lines`), or "".
    """

    level: str
    source: str
    text: str
    place: str
    count: int


class DeclaredPort(TypedDict):
    """One input or output of a graph as its file declares it.

    `dtype` is "" where the file declares no tensor. `shape` is None where it declares no rank; a
    size is a number, a name or an expression that stands for one, or None.
    """

    name: str
    dtype: str
    shape: list[int | str | None] | None


class Declared(TypedDict):
    """The inputs (without initializers) and outputs that a file declares, in its order."""

    inputs: list[DeclaredPort]
    outputs: list[DeclaredPort]


class Cell(TypedDict):
    """What came of one request. Everything about the file was read from the file.

    `size_bytes` and `delivered_sha256` are of what the exporter wrote: the size with the files of
    its tensors, the hash of the ONNX file alone. `sha256` is that of `file` as it lies in `cells/`,
    `tensors` the hashes of the files beside it that hold tensors of it: large ones are set apart
    after reading (`onnx_files.tensors`), so that the cells of a sweep share them. They are named by
    these hashes, so that files of equal `sha256` have equal tensors too. `beside` counts the files
    of tensors that the exporter itself wrote beside the ONNX file.

    `way`: "plain" is the exporter as it is; "memoized" shares what does not depend on the opset
    among the cells of a sweep; "by reference" converts a file without its large tensors, which stay
    in files of their own; "plain: " says why it was not. Empty where nothing came back.

    `source`: the lines of the user's code that a cell which is not `ok` is about, where the message
    or the file names them (`base.source_lines`).
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
    """results/export/{model}/{exporter}/record.json; ONNX files in `cells/` beside it."""

    version: int
    stage: Literal["export"]
    model: str
    exporter: str
    versions: dict[str, str]
    cells: list[Cell]
    failures: NotRequired[list[Failure]]


class Port(TypedDict):
    """One input or output of a node, under its formal parameter name.

    `given`: how an input is given. `omitted` is the empty name that the specification allows for an
    optional input; `empty` is a tensor with no elements; `constant` a Constant node's value;
    `initializer`, `input` (of the graph), `value` (another node's output), `outer` (of an enclosing
    graph). Outputs are `value`, or `omitted`. `value` holds small constant contents.

    `computed`, only while two graphs are compared: the nodes that compute this constant.
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
    """`default`: the value equals the schema's default; `written`: it stands in the file."""

    name: str
    type: str
    value: Any
    default: bool
    written: bool


class Node(TypedDict):
    """`since`: the schema version in force; `scope`: the module path, where it was kept.

    `origin`, only while two graphs are compared: the index of the call that stands in the file for
    a node of an inlined function.
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
    """A local function. `attributes`: the defaults of those of its attributes that have one."""

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
    """An input of a rank that the operator's version does not allow, in so many nodes of a graph.

    `says` is the sentence of the schema's text.
    """

    operator: str
    parameter: str
    rank: int
    says: str
    url: str
    nodes: int


class GraphEntry(TypedDict):
    """`operators`: nodes of each, those of a local function once, however often it is called.

    `picture`: a file name, or "" with the reason in `notice`. `departures`: where the file leaves
    the text of the specification, if it does.
    """

    json: str
    text: str
    picture: str
    notice: str
    nodes: int
    operators: dict[str, int]
    departures: NotRequired[list[Departure]]


class DumpRecord(TypedDict):
    """results/dump/{model}/record.json: per exporter its cells, and the graphs that they share."""

    version: int
    stage: Literal["dump"]
    model: str
    sweeps: dict[str, list[DumpCell]]
    graphs: dict[str, GraphEntry]
    failures: NotRequired[list[Failure]]


class Measure(TypedDict):
    """One output on one input set, measured against the reference; no judgement in it.

    `structure` is "" or says what differs (missing, dtype, shape): nothing else is then measured.
    `elements` finite positions compared. Errors are of the runtime against float64, where there is
    one, else against the eager output. `slices` and `frontier` are Pareto fronts, enough to judge
    exactly under any tolerance: pairs (n_torch, n_runtime) of the slices along axis 1 and the last,
    and pairs (|expected|, |difference|) of the elements against the eager output. `flips` are
    discrete values that differ; of declared indices, `flip_margin` is the largest distance in
    float64 of a flipped one's value to its neighbor in rank, `flip_error` how far off values are.
    `flat_input`: every float input is one value throughout, or every integer one where there is no
    float; `undecided`: so which index is right is open. `random`: what torch's own output changes
    from run to run, on whatever input set; then only `structure` is measured. `computed_in`: the
    type that sets the unit and the tolerances, where the output is computed in less than its own.
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
    """Something that a file declares of an input or output and that a run did not bear out.

    `output`: whether the port is an output. `axis` is None where it is about the whole port.
    `declared` and `given` are spelled as a reader would write them: `float32`, `3`, `batch`.
    `set`: the first input set that shows it. `at` "other sizes": never at the traced sizes.
    """

    port: str
    output: bool
    what: Literal["dtype", "rank", "size", "symbol"]
    axis: int | None
    declared: str
    given: str
    set: str
    at: Literal["every size", "other sizes", "other values"]


class RunCell(TypedDict):
    """One file in one variant of a runtime (`onnxruntime`, `onnxruntime-unoptimized`, …)."""

    exporter: str
    requested: int
    runtime: str
    outcome: RunOutcome
    detail: str
    sha256: str | None
    measures: list[Measure]
    misdeclared: list[Misdeclared]


class ParityRecord(TypedDict):
    """results/parity/{model}/{runtime}.json"""

    version: int
    stage: Literal["parity"]
    model: str
    runtime: str
    versions: dict[str, str]
    fingerprint: str
    cells: list[RunCell]
    failures: NotRequired[list[Failure]]


class OutputVerdict(TypedDict):
    """The verdict of one output over all input sets; `set` is the one that decided."""

    output: str
    verdict: Verdict
    set: str
    detail: str
    max_abs: float | None
    max_rel: float | None
    n_torch: float | None
    n_runtime: float | None


class CellVerdict(TypedDict):
    """`verdict` is the worst of `outputs`, or the runtime's outcome where it did not run.

    `note`: what is worth knowing of a run whatever its verdict, as inputs that the graph lacks.
    """

    model: str
    exporter: str
    requested: int
    runtime: str
    verdict: str
    detail: str
    note: str
    outputs: list[OutputVerdict]


class JudgeRecord(TypedDict):
    """results/judge/verdicts.json; `failures` are those of the parity records too."""

    version: int
    stage: Literal["judge"]
    cells: list[CellVerdict]
    failures: NotRequired[list[ModelFailure]]


class BlamedNode(TypedDict):
    """A node that is to blame: `index` in the order of the file, `since` its schema version.

    `text`: operator, version and the attributes that are not at their default. `inside`: where it
    is in a subgraph (`then_branch of If /If`, `pass 2 of 4 of Loop`); `index` is then that of the
    node around it.
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
    """What a blamed node is given from outside of the blamed part, and the range of its values.

    `minimum` and `maximum` are of the finite values, on the input set that decided; None where
    there are none, or where they are no numbers.
    """

    node: int
    parameter: str
    given: str
    dtype: str
    shape: list[int]
    minimum: float | None
    maximum: float | None


class Located(TypedDict):
    """Where a wrong result begins: the first nodes whose inputs agree and whose result does not.

    `requested`: the opsets whose files have this fault; what else is said is of the first, in
    others the schema versions may differ. `fault`: the `file` says something else than the model;
    the `kernel` of the runtime computes something else than the file says; the runtime's
    `optimization` does; the `outputs` of the graph are not the model's; the result is `constant` in
    the file; `undecided` between file and kernel; `unconfirmed` where another computation differs
    and nothing says which one is right.

    `output` is the wrong output, `value` the first wrong value in the file, `against` where the
    right one is from. `error` and `allowed` are in units of rounding. `stops`: the runtime fails at
    the node, and `difference` is its message. `repairs`: with the right value in its place the
    output is right. `idle`: the blamed node changes nothing, so that something is missing at its
    place; `early`: what has the same result in the right computation, which goes on from there.
    `instead`: what the right computation has there. `right_at`: an opset under which the very same
    nodes are right. `inherited`: the file was converted from this one, which is wrong too.
    `source`: the lines of the user's code that the nodes were made from, where some file of the
    model says so. `reproducer` is a folder beside the record, "" with the reason in `detail`;
    `shows`: the cut in it was run, and is wrong.
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


class LocateRecord(TypedDict):
    """results/locate/{model}/record.json; reproducers in `reproducers/` beside it."""

    version: int
    stage: Literal["locate"]
    model: str
    located: list[Located]
    failures: NotRequired[list[Failure]]


class Place(TypedDict):
    """Where a change shows: the node's index, name and scope on each side (None: not there)."""

    from_node: int | None
    to_node: int | None
    name: str
    scope: str


class Change(TypedDict):
    """One difference between the graphs of two opsets, with its cause.

    `cause`: `schema` (cited by `op_type`, `from_version`, `to_version`, `url`), `replacement`,
    `exporter`, `converter`, `unexplained`. `schema_class` is the class of the schema transition.
    `neutral`: both ways mean the same; `numeric`: it can matter to the numbers.
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
    """Two neighbouring opsets of a sweep. `changes` is empty where the graphs mean the same."""

    from_opset: int
    to_opset: int
    from_graph: str
    to_graph: str
    changes: list[Change]


class Range(TypedDict):
    """Opsets between which nothing changes; `graph` is the first one's."""

    first: int
    last: int
    graph: str


class Compared(TypedDict):
    """What changes from opset to opset in one sweep."""

    steps: list[Step]
    ranges: list[Range]


class Contrast(TypedDict):
    """Two exporters of a model over the opsets at which both have the same two graphs."""

    left: str
    right: str
    opsets: list[int]
    left_graph: str
    right_graph: str
    changes: list[Change]


class CompareRecord(TypedDict):
    """results/compare/{model}/record.json: each exporter's sweep, and exporters in pairs."""

    version: int
    stage: Literal["compare"]
    model: str
    sweeps: dict[str, Compared]
    pairs: list[Contrast]
    failures: NotRequired[list[Failure]]


# What came of converting a file by one opset, from best to worst. `unproven`: it runs, and the
# verdict is neither right nor wrong.
AuditOutcome = Literal[
    "right", "no-kernel", "unproven", "refused", "timeout", "crashed", "invalid", "wrong",
    "internal-error",
]  # fmt: skip
# Those that are the converter's defects; a refusal says itself what is missing.
AUDIT_DEFECTS = frozenset({"timeout", "crashed", "invalid", "wrong"})


class AuditOperator(TypedDict):
    """What came of one operator in a step; versions are those in force before and after it.

    `evidence`: the whole `file` is right; a `cut` of one node shows it; the converter's `message`
    names it; it is the `only` operator that changes. `reproducer` is a folder in `defects/`, or "".
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

    `cells` have this file. `one_of`: where nothing proves which operator it was, those it can be.
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
    """results/audit/{model}/record.json; `not_right` counts cells with a file that is not."""

    version: int
    stage: Literal["audit"]
    model: str
    versions: dict[str, str]
    not_right: int
    steps: list[AuditStep]
    failures: NotRequired[list[Failure]]


class Closeness(TypedDict):
    """Of `torch.testing.assert_close`."""

    rtol: float
    atol: float


class ToleranceSettings(TypedDict):
    """See `numerics.tolerances`; `close` by dtype."""

    noise_factor: float
    noise_floor: float
    ill_conditioned: float
    close: dict[str, Closeness]


class RunSettings(TypedDict):
    """results/run.json: what the stages over all models are told.

    `models`: tolerances of those that have their own; `order`: that of the configuration; `sweeps`:
    exporters by model; `command`: how the run was started.
    """

    audit: bool
    command: str
    descriptions: dict[str, str]
    models: dict[str, ToleranceSettings]
    order: list[str]
    runtimes: list[str]
    sweeps: dict[str, list[str]]
    tolerances: ToleranceSettings
    versions: dict[str, str | None]
