"""locate: for each model, where a wrong result begins, and a reproducer.

in   the parity records of all the model's sweeps, their files, the frozen model, the tolerances
out  record.json; reproducers/{exporter}/opset_NN: the smallest cut that shows it, arrays, a script

It does its own judging, so a model without wrong results costs only reading its records. Other
tolerances run it again only where something is or was wrong (`again_located`).
"""


rule locate:
    input:
        sources=of_user(jobs.sources),
        parity=jobs.parity,
        export=jobs.exports,
        cells=ancient(jobs.cells),
        define="<results>/define/{model}/record.json",
        weights=ancient("<results>/define/{model}/weights.safetensors"),
        inputs=ancient("<results>/define/{model}/inputs.safetensors"),
        reference=ancient("<results>/define/{model}/reference.safetensors"),
    output:
        record="<results>/locate/{model}/record.json",
        reproducers=directory("<results>/locate/{model}/reproducers"),
    log:
        "<logs>/locate/{model}.log",
    conda:
        "../../envs/locate.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1500, 4),
        runtime=60,
    params:
        code=of_spec.code("locate"),
        spec=specs.locate_but_tolerances,
        limits=LIMITS,
        run=RUN,
        again=again_located,
        define=subpath(input.define, parent=True),
        export=of_job.folder_of_sweeps,
        parity=of_job.folder_of_parity,
        folder=subpath(output.record, parent=True),
    shell:
        "python -m opset_atlas --log {log} locate --spec {params.spec:q} --limits @{params.limits}"
        " --run @{params.run} --again {params.again:q} --define {params.define}"
        " --export {params.export} --parity {params.parity} --output {params.folder}"
