"""Shared by all rules: the configuration, and functions that rules use on it.

Evaluated at every start of Snakemake, also in every cluster job, so nothing slow and no torch.
"""

import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

DEFAULT_CONFIG = "config/config.yaml"
RULES = workflow.current_basedir.get_path_or_uri(secret_free=True)
# As a module of another workflow this one may have a prefix, and another folder for its results.
IS_MODULE = workflow.modifier.parent_modifier is not None
RESULTS = Path(
    workflow.modifier.path_modifier.replace_prefix(workflow.pathvars.apply("<results>"))
)
ANSWER = RESULTS / "answer.json"
PAGES = str(RESULTS / "pages")  # notes on the report's pages that are up to date
# A run of these alone starts its two Pythons sooner than a worker that has all that others need.
WITHOUT_WORKER = {"report", "conclude", "all"}
RUN = str(RESULTS / "run.json")
LIMITS = str(RESULTS / "limits.json")

# In a clone the package is beside this file; where that comes from elsewhere, it is installed.
if (package := Path(RULES).parent).is_dir():
    sys.path.insert(0, str(package))
elif find_spec("opset_atlas") is None:
    raise WorkflowError(
        f"{RULES} is not on this machine, so its Python package has to be installed:"
        f" pip install 'opset-atlas[workflow] @ git+URL'"
    )

from opset_atlas import sources
from opset_atlas.base import stopped
from opset_atlas.base.files import write_text
from opset_atlas.config import jobs as of_job
from opset_atlas.config import settings as configuration
from opset_atlas.config import specs as of_spec
from opset_atlas.config.asked import asked_per_job
from opset_atlas.execution import environments, levels, nothing, scheduler, stopping
from opset_atlas.findings import answer_lines

if problem := environments.unsupported():
    raise WorkflowError(problem)

os.environ |= environments.variables()

# The job graph has hundreds of long-lived objects per model. Scanning all of them for garbage again
# and again takes time (docs/scale.md); new objects are still scanned.
gc.set_threshold(100_000, 100, 100)


def load_settings():
    """The settings of this run, from `--configfile` and `--config`, else from the default file.

    A module that is given `config:` has that. Files are read by our own loader because
    `configfile:` would merge a user's file into the default models, take the last of two equal
    keys, and not name the line of a YAML error.
    """
    files = workflow.overwrite_configfiles or [DEFAULT_CONFIG]
    try:
        if IS_MODULE and config:
            given = configuration.load([], config)
        else:
            given = configuration.load(files, workflow.config_settings.config)
        return configuration.resolve(given, Path.cwd())
    except configuration.ConfigError as error:
        raise WorkflowError(str(error))


def of_user(files):
    """An input function for files of the user, which stay where they are: no prefix, no storage."""
    return asked_per_job(lambda wildcards: [local(path) for path in files(wildcards)])


def own(*paths):
    """Files of this package as inputs, tracked by content."""
    return [local(os.path.relpath(sources.PACKAGE / path)) for path in paths]


def below(path):
    """A path in the results, for what is not a file of a rule."""
    return str(RESULTS / path)


def write_run():
    """Write the settings that stages read from a file.

    The settings of thousands of models do not fit on a command line. They are outputs of no rule. A
    result that finished within its limit does not depend on the limit, and where a job has only
    `ancient` inputs from one that runs, Snakemake 9.27.1 does not look for its other reasons.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(Path(RUN), report_spec())
    write_text(Path(LIMITS), specs.limits)


def start_worker():
    """Start warm processes for jobs on this machine; cluster jobs run on other machines."""
    if settings.worker and workflow.local_exec:
        from opset_atlas.execution import server

        jobs = list(workflow.dag.needrun_jobs())
        if {job.rule.name for job in jobs} <= WITHOUT_WORKER:
            return
        needed = {
            job.params.get("level") or levels.of_stage(job.rule.name) for job in jobs
        }
        if reason := server.start(RESULTS / "logs/worker.log", needed):
            logger.warning(f"note: every job starts its own Python: {reason}")


def say_what_is_slow():
    """Say what the exporters of this run cannot do faster with the installed versions."""
    if settings.memoize:
        for note in jobs.speed_notices(workflow.dag.needrun_jobs()):
            logger.warning(f"note: {note}")


def forget_the_answer():
    """Remove the answer of an earlier run, so that the end of this one is made even if it is stopped.

    Snakemake deletes the results of a job that failed, and misses them at the next start only if
    something that is made from them is to be made.
    """
    running = {job.rule.name for job in workflow.dag.needrun_jobs()}
    if running - {"report", "conclude", "all"}:
        ANSWER.unlink(missing_ok=True)


def say_the_answer():
    """Log the answer of a run whose tables are up to date; not after `snakemake exports`.

    The console takes the attribute of the record (`workflow/snakemake_logger_plugin_opset_atlas`).
    Without it Snakemake prints the text.
    """
    if not (is_made("tables") and is_made("report") and ANSWER.exists()):
        return
    page = str((RESULTS / "report/index.html").resolve())
    try:
        answer = answer_lines.read(RESULTS)
        drawn = answer_lines.pictures(RESULTS)
        text = "\n".join(
            line for _, line in answer_lines.lines(answer, page, 80, drawn)
        )
    except (AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        logger.warning(f"note: no answer can be read from {RESULTS}: {error}")
        return

    def words(width):
        return answer_lines.lines(answer, page, width, drawn)

    logger.info(f"\n{text}", extra={"atlas_answer": words})


def is_made(rule):
    """Whether this run is about a rule's results, and they are up to date."""
    found = [job for job in workflow.dag.jobs if job.rule.name == rule]
    needed = [job for job in found if workflow.dag.needrun(job)]
    return bool(found) and all(map(workflow.dag.finished, needed))


@asked_per_job
def again_located(wildcards):
    """A parameter that changes when a model's wrong results are to be located again.

    Tolerances are no other parameter: where nothing is wrong under the old and the new ones, they
    do not matter.
    """
    from opset_atlas.stages.locate import judged_cells, unsearched

    model = wildcards.model
    folders = (RESULTS / stage / model for stage in ("define", "export", "parity"))
    job = judged_cells.Job(specs.locate(model), *folders)
    record = RESULTS / "locate" / model / "record.json"
    matter = unsearched.matter(record, job)
    return stopped.again(record, settings.limits, matter)


def stored_baseline(wildcards):
    """What `snakemake gate` compares with; asked for before anything runs."""
    mark = Path(settings.baseline, "baseline.json")
    if not mark.is_file():
        raise WorkflowError(
            f"no baseline in {settings.baseline}: `snakemake baseline` stores one, from a run that you trust"
        )
    return local(str(mark))


def report_spec():
    """The specification of the report, with the command that repeats this run."""
    given = workflow.config_settings.config
    files = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    typed = os.environ.get(environments.COMMAND)
    return specs.text("report", command=typed or of_spec.command(files, given))


def report_templates():
    """Templates, style and script of the report, tracked by content."""
    files = (sources.PACKAGE / "stages/report/templates").glob("*.*")
    return own(*sorted(files))
