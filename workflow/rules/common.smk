"""Shared by all stages: the configuration, the sweeps that it asks for, the code of a stage.

Evaluated at every start of Snakemake, in every job of a cluster too: nothing slow, no torch.
"""

import gc
import inspect
import os
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
DEFAULT_CONFIG = "config/config.yaml"
RUN = "results/run.json"

sys.path.insert(0, str(ROOT / "workflow"))

from opset_atlas import plugins, sources
from opset_atlas.config import settings as configuration
from opset_atlas.execution import environments, worker
from opset_atlas.findings import columns

os.environ |= environments.variables()

# The graph of jobs is objects that stay, by the hundred per model: looking through all of them for
# garbage again and again takes time (docs/scale.md). New ones are still looked through.
gc.set_threshold(100_000, 100, 100)


def load_settings():
    """The settings of this run, from `--configfile` and `--config`, else from the default file.

    Read by our own loader and not by `configfile:`, which would merge a user's file into the
    default's models, takes the last of two equal keys, and names no line where YAML is broken.
    """
    files = workflow.overwrite_configfiles or [DEFAULT_CONFIG]
    try:
        given = configuration.load(files, workflow.config_settings.config)
        return configuration.resolve(given, Path.cwd())
    except configuration.ConfigError as error:
        raise WorkflowError(str(error))


def code(*modules):
    """A hash of the files that a stage is made of: a parameter, so that their content counts.

    As input files they would be a dozen more to look at for every job.
    """
    stages = sources.programs("stages")
    return sources.digest(*(stages.get(name, name) for name in modules))


def write_run():
    """What the stages over all models are told: thousands of them exceed a command line."""
    Path(RUN).parent.mkdir(exist_ok=True)
    Path(RUN).write_text(report_spec(), encoding="utf-8")


def start_worker():
    """Jobs on this machine share one warm process; those of a cluster are on others."""
    if settings.worker and workflow.local_exec:
        rules = {job.rule.name for job in workflow.dag.needrun_jobs()}
        # A rule is called as its stage is, but for the second one of exports.
        stages = ["export" if name == "convert" else name for name in rules]
        if reason := worker.start(Path("results/logs/worker.log"), stages):
            print(
                f"note: every job starts Python for itself: {reason}", file=sys.stderr
            )


def schedule_without_timers():
    """Take away Snakemake's limit of jobs per second, which no machine of one's own needs.

    For that limit the scheduler looks at the ready jobs once more a second after each look, and
    each job that ends starts another such chain (9.27.1, scheduling/job_scheduler.py);
    docs/speed.md has what that took.
    """
    scheduler = getattr(workflow, "scheduler", None)
    if workflow.local_exec and hasattr(scheduler, "job_rate_limiter"):
        scheduler.job_rate_limiter = None


def collect_sweeps(pattern, **fixed):
    """`pattern` for every model and exporter of this run."""
    return [
        path
        for model in settings.models
        for path in collect(
            pattern, model=model, exporter=settings.exporters_of(model), **fixed
        )
    ]


def converters():
    """Exporters that start from another exporter's files."""
    return [name for name in plugins.names("exporters") if settings.needs_base(name)]


def direct_exporters():
    """Exporters that start from the module."""
    return [
        name for name in plugins.names("exporters") if not settings.needs_base(name)
    ]


def one_of(names):
    """A wildcard constraint that holds for `names` alone."""
    return "|".join(names)


# Input files, by wildcards.


def model_sources(wildcards):
    """The user's files that a model is made from."""
    return settings.models[wildcards.model].source_files()


def export_code(wildcards):
    return code("export", f"exporters.{wildcards.exporter}")


def parity_code(wildcards):
    return code("parity", f"runtimes.{wildcards.runtime}")


def base_files(wildcards, name):
    """A file of the sweep that a conversion starts from; none where the model is a file."""
    if settings.models[wildcards.model].kind == "onnx":
        return []
    base = settings.converter["exporter"]
    return [f"<results>/export/{wildcards.model}/{base}/{name}"]


def base_record(wildcards):
    return base_files(wildcards, "record.json")


def base_cells(wildcards):
    return base_files(wildcards, "cells")


def of_model(wildcards, stage, name):
    """A file of every sweep of a model."""
    exporters = settings.exporters_of(wildcards.model)
    return [f"<results>/{stage}/{wildcards.model}/{each}/{name}" for each in exporters]


def model_exports(wildcards):
    return of_model(wildcards, "export", "record.json")


def model_cells(wildcards):
    return of_model(wildcards, "export", "cells")


def model_parity(wildcards):
    """What every runtime measured of a model's files."""
    folder = f"<results>/parity/{wildcards.model}"
    return [f"{folder}/{runtime}.json" for runtime in settings.runtimes]


def audit_records():
    """The records of the audit, where it was asked for."""
    if not settings.audit:
        return []
    return collect("<results>/audit/{model}/record.json", model=settings.models)


def model_exporters(wildcards):
    return settings.exporters_of(wildcards.model)


def report_templates():
    """Templates, style and script of the report: tracked by content."""
    files = (ROOT / "workflow/opset_atlas/stages/report/templates").glob("*.*")
    return sorted(os.path.relpath(path) for path in files)


# What a job depends on beyond files: one canonical JSON text, since Snakemake compares
# parameters as a set of values and would not see two of them swapped.


def define_spec(wildcards):
    return settings.define_spec(wildcards.model)


def export_spec(wildcards):
    return settings.export_spec(wildcards.model, wildcards.exporter)


def dump_spec(wildcards):
    """With whether graphviz is there: pictures are drawn again when it appears."""
    spec = settings.dump_spec(wildcards.model)
    return f"{spec} dot={bool(shutil.which('dot'))}"


def compare_spec(wildcards):
    return settings.compare_spec(wildcards.model)


def locate_spec(wildcards):
    return settings.locate_spec(wildcards.model)


def audit_spec(wildcards):
    return settings.audit_spec(wildcards.model)


def parity_spec(wildcards):
    return settings.parity_spec(wildcards.model, wildcards.runtime)


def report_spec():
    """With the command that makes this run again."""
    files = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    given = [f"--configfile {shlex.quote(path)}" for path in files]
    return settings.report_spec(" ".join(["snakemake --cores 4", *given]))


def report_memory():
    """MB. The report holds the tables of all models, about a third of a MB each (docs/report.md)."""
    return 500 + len(settings.models) // 2


def base_option(wildcards, input):
    return f"--base {os.path.dirname(input.base[0])}" if input.base else ""


def export_of_model(wildcards, input):
    return os.path.dirname(os.path.dirname(input.export[0]))


def sweeps_of_model(wildcards, input):
    return [os.path.dirname(path) for path in input.export]


def parity_of_model(wildcards, input):
    return os.path.dirname(input.parity[0])


def tables_folder(wildcards, output):
    return os.path.dirname(output.csv[0])


def table_names():
    """The tables of this run."""
    return columns.names(settings.audit)


# Memory, in MB: what was measured in docs/large.md, and a fifth more.


def memory(base, times):
    """A resource: `base`, and so many times the weights of the job's model."""

    def needed(wildcards, input):
        return base + int(times * weights_mb(wildcards, input))

    return needed


def weights_mb(wildcards, input):
    """MB of a model's weights: known when it is defined, before that FileNotFoundError."""
    os.stat(input.define)
    files = [os.path.join(os.path.dirname(input.define), "weights.safetensors")]
    if settings.models[wildcards.model].kind == "onnx":
        files += model_sources(wildcards)
    return sum(map(os.path.getsize, files)) / 1_000_000


def define_memory(wildcards, input):
    """Of weights that a factory makes up nothing is known before it ran; those in files count."""
    return 1000 + int(4 * sum(map(os.path.getsize, input.sources)) / 1_000_000)


def remember_signatures(functions):
    """Snakemake asks for the signature of such a function at every job; Python works it out anew."""
    for function in functions:
        if (
            inspect.isfunction(function)
            and "wildcards" in function.__code__.co_varnames
        ):
            function.__signature__ = inspect.signature(function)


remember_signatures(list(globals().values()))
