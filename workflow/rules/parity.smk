"""parity: run the files and measure them against the reference.

in   the frozen model's inputs and reference, the files of its sweeps
out  {runtime}.json (measures), {runtime}.timing.json; `judge` makes verdicts of the measures
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
