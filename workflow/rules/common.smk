"""What the rule files share: the configuration, the sweeps that it asks for, the code of a stage.

Evaluated at every start of Snakemake, in every job of a cluster too: nothing slow, no torch.
"""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
DEFAULT_CONFIG = "config/config.yaml"

# The stages are `python -m atlas.STAGE` of this very tree, run by the Python that runs Snakemake;
# under `--sdm conda` the environment of the rule comes first again.
sys.path.insert(0, str(ROOT / "workflow"))
os.environ["PYTHONPATH"] = str(ROOT / "workflow")
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

from atlas import config as atlas_config
from atlas import sources


def load_settings():
    """The settings of this run, from `--configfile` and `--config`, else from the default file.

    Read by our own loader and not by `configfile:`, which would merge a user's file into the
    default's models, takes the last of two equal keys, and names no line where YAML is broken.
    """
    files = workflow.overwrite_configfiles or [DEFAULT_CONFIG]
    try:
        given = atlas_config.load(files, workflow.config_settings.config)
        return atlas_config.resolve(given, Path.cwd())
    except atlas_config.ConfigError as error:
        raise WorkflowError(str(error))


def code(*modules):
    """Files that a stage is made of, relative to the working directory: tracked by content."""
    return [os.path.relpath(path) for path in sources.closure(*modules)]


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
    return [name for name in sources.plugins("exporters") if settings.needs_base(name)]


def direct_exporters():
    """Exporters that start from the module."""
    return [name for name in sources.plugins("exporters") if not settings.needs_base(name)]


def one_of(names):
    """A wildcard constraint that holds for `names` alone."""
    return "|".join(names)


def base_of(wildcards):
    """The exporter whose files a conversion starts from; none where the model is a file."""
    is_file = settings.models[wildcards.model].kind == "onnx"
    return None if is_file else settings.converter["exporter"]


def report_templates():
    """Templates, style and script of the report: tracked by content."""
    return sorted(os.path.relpath(path) for path in (ROOT / "workflow/report").glob("*.*"))
