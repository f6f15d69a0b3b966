"""Shared by all stages: the configuration, and what rules ask of it.

Evaluated at every start of Snakemake, in every job of a cluster too: nothing slow, no torch.
"""

import gc
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
DEFAULT_CONFIG = "config/config.yaml"
RUN = "results/run.json"
LIMITS = "results/limits.json"

sys.path.insert(0, str(ROOT / "workflow"))

from opset_atlas.config import jobs as of_job
from opset_atlas.config import settings as configuration
from opset_atlas.config import specs as of_spec
from opset_atlas.execution import environments, levels, scheduler, stopping

if problem := environments.unsupported():
    raise WorkflowError(problem)

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


def write_run():
    """What stages are told by a file.

    The settings of thousands of models exceed a command line. Limits are no parameter of a job:
    what finished within one limit does not depend on it.
    """
    Path(RUN).parent.mkdir(exist_ok=True)
    Path(RUN).write_text(report_spec(), encoding="utf-8")
    Path(LIMITS).write_text(specs.limits, encoding="utf-8")


def start_worker():
    """Jobs on this machine share warm processes; those of a cluster are on others."""
    if settings.worker and workflow.local_exec:
        from opset_atlas.execution import server

        jobs = list(workflow.dag.needrun_jobs())
        needed = {
            job.params.get("level") or levels.of_stage(job.rule.name) for job in jobs
        }
        if reason := server.start(Path("results/logs/worker.log"), needed):
            print(
                f"note: every job starts Python for itself: {reason}", file=sys.stderr
            )


def say_where_the_report_is():
    """Where one was made, or was there already: not after `snakemake exports`."""
    if any(job.rule.name == "report" for job in workflow.dag.jobs):
        print(f"report: {Path('results/report/index.html').resolve()}")


def report_spec():
    """With the command that makes this run again."""
    given = workflow.config_settings.config
    files = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    return specs.text("report", command=of_spec.command(files, given))


def report_templates():
    """Templates, style and script of the report: tracked by content."""
    files = (ROOT / "workflow/opset_atlas/stages/report/templates").glob("*.*")
    return sorted(os.path.relpath(path) for path in files)
