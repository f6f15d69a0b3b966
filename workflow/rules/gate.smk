"""gate: keep a run that you trust, and hold later ones against it.

in   a whole run: its records, graphs and verdicts
out  `baseline`: the folder that the configuration names; `gate`: results/gate with gate.json,
     junit.xml, gate.md and annotations.txt, and an exit status

Neither declares outputs: both run whenever they are asked for, a baseline is never made again only
because it is missing or old, and Snakemake deletes declared outputs of a job that fails.
"""


rule baseline:
    input:
        "<results>/concluded",
        verdicts="<results>/judge/verdicts.json",
    log:
        "<logs>/baseline.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        folder=settings.baseline,
        results=subpath(input.verdicts, ancestor=2),
    shell:
        "python -m opset_atlas gate --store {params.folder:q} {params.results} >{log} 2>&1"


rule gate:
    input:
        stored_baseline,
        "<results>/report",
        verdicts="<results>/judge/verdicts.json",
    log:
        "<logs>/gate.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        folder=settings.baseline,
        results=subpath(input.verdicts, ancestor=2),
    shell:
        "python -m opset_atlas gate {params.folder:q} {params.results}"
        " --output {params.results}/gate >{log} 2>&1"
