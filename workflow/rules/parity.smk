"""parity: run the files and measure them against the reference; judging is a step of its own.

in   the frozen model's inputs and reference, the files of its sweeps
out  {runtime}.json (measures), {runtime}.timing.json; judge/verdicts.json

New tolerances judge again and run no model.
"""


rule parity:
    input:
        define="<results>/define/{model}/record.json",
        inputs=ancient("<results>/define/{model}/inputs.safetensors"),
        reference=ancient("<results>/define/{model}/reference.safetensors"),
        export=model_exports,
        cells=ancient(model_cells),
    output:
        record=update("<results>/parity/{model}/{runtime}.json"),
        timing=update("<results>/parity/{model}/{runtime}.timing.json"),
    log:
        "<logs>/parity/{model}/{runtime}.log",
    conda:
        "../../envs/parity.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, 1.5),
        runtime=30,
    params:
        code=parity_code,
        spec=parity_spec,
        define=subpath(input.define, parent=True),
        sweeps=sweeps_of_model,
    shell:
        "python -m opset_atlas --log {log} parity --spec {params.spec:q} --define {params.define}"
        " --export {params.sweeps} --runtime {wildcards.runtime} --code {params.code}"
        " --output {output.record} --timing {output.timing}"


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
        code=code("judge"),
        spec=settings.judge_spec(),
        run=RUN,
        results=subpath(output.verdicts, ancestor=2),
    shell:
        "python -m opset_atlas --log {log} judge --spec @{params.run} --parity {params.results}/parity"
        " --output {output.verdicts}"
