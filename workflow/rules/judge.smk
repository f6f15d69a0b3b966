"""judge: verdicts from the measures. New tolerances never run a model again.

in   the measures that parity made of every model
out  judge/verdicts.json
"""


rule judge:
    input:
        records=collect(
            "<results>/parity/{model}/{runtime}.json",
            model=settings.models,
            runtime=settings.runtimes,
        ),
    output:
        verdicts="<results>/judge/verdicts.json",
    log:
        "<logs>/judge.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=of_spec.code("judge"),
        spec=specs.text("judge"),
        run=RUN,
        results=subpath(output.verdicts, ancestor=2),
    shell:
        "python -m opset_atlas --log {log} judge --spec @{params.run} --parity {params.results}/parity"
        " --output {output.verdicts}"
