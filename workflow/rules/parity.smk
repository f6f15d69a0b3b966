"""parity: run the files and measure them against the reference.

in   the frozen model's inputs and reference, the files of its sweeps, those of its metrics
out  {runtime}.json (measures), {runtime}.timing.json; `judge` turns measures into verdicts
"""


rule parity:
    input:
        define="<results>/define/{model}/record.json",
        inputs=ancient("<results>/define/{model}/inputs.safetensors"),
        reference=ancient("<results>/define/{model}/reference.safetensors"),
        export=jobs.exports,
        metrics=of_user(jobs.metrics),
        cells=ancient(jobs.cells),
    output:
        record=update("<results>/parity/{model}/{runtime}.json"),
        timing=update("<results>/parity/{model}/{runtime}.timing.json"),
    log:
        "<logs>/parity/{model}/{runtime}.log",
    conda:
        "../../envs/parity.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, 1.5),
        runtime=30,
    params:
        code=of_spec.code_of("parity"),
        spec=specs.of("parity"),
        limits=LIMITS,
        again=specs.again(below("parity/{model}/{runtime}.json")),
        define=subpath(input.define, parent=True),
        sweeps=of_job.folders_of_sweeps,
    shell:
        "python -m opset_atlas --log {log} parity --spec {params.spec:q} --limits @{params.limits}"
        " --again {params.again:q} --define {params.define}"
        " --export {params.sweeps} --runtime {wildcards.runtime} --code {params.code}"
        " --output {output.record} --timing {output.timing}"
