"""opset-atlas: which ONNX opset to export a PyTorch model at, what changes, why, and is it right?

    define ──► export ──► dump ──► compare ──► tables ──► report
       │          │                               ▲
       └──────────┴──► parity ──► judge, locate ──┘

Each stage is a rule file in workflow/rules, a module in workflow/opset_atlas/stages and a folder in results.
`snakemake --cores 4` runs config/config.yaml; `--configfile mine.yaml` runs that file instead.
"""

from snakemake.utils import min_version

min_version("9.20")


pathvars:
    logs="results/logs",


report: "workflow/captions/workflow.rst"


include: "workflow/rules/common.smk"


settings = load_settings()
specs = of_spec.Specs(settings)
jobs = of_job.Jobs(settings)


wildcard_constraints:
    model="[A-Za-z0-9][A-Za-z0-9_.-]*",
    exporter="[a-z0-9_]+",
    runtime="[a-z0-9_]+",


include: "workflow/rules/define.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/dump.smk"
include: "workflow/rules/parity.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/locate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/conclude.smk"
include: "workflow/rules/gate.smk"


localrules:
    all,
    exports,


rule all:
    default_target: True
    input:
        "<results>/answer.json",
        "<results>/report",
        "<results>/concluded",


rule exports:
    """Only the ONNX files and their records."""
    input:
        jobs.per_sweep("record.json"),


onstart:
    forget_the_answer()
    write_run()
    start_worker()
    say_what_is_slow()
    scheduler.without_timers(workflow)
    stopping.end_jobs_on_sigterm(workflow)


onsuccess:
    say_the_answer()


onerror:
    say_the_answer()


nothing.call_when_nothing_is_done(workflow, say_the_answer)
