"""audit: is onnx's version converter right on this run's files? Enabled by `audit: true`.

in   the frozen model, its files of every exporter, and the runtimes' results on them
out  record.json (every step up and down) and defects/ (reproducers), shown by tables and report
"""


rule audit:
    input:
        define="<results>/define/{model}/record.json",
        inputs=ancient("<results>/define/{model}/inputs.safetensors"),
        reference=ancient("<results>/define/{model}/reference.safetensors"),
        export=jobs.exports,
        cells=ancient(jobs.cells),
        parity=jobs.parity,
    output:
        record="<results>/audit/{model}/record.json",
        defects=directory("<results>/audit/{model}/defects"),
    log:
        "<logs>/audit/{model}.log",
    conda:
        "../../envs/parity.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, 1.5),
        runtime=60,
    params:
        code=of_spec.code("audit"),
        spec=specs.of("audit"),
        limits=LIMITS,
        again=specs.again(below("audit/{model}/record.json")),
        results=subpath(input.define, ancestor=3),
        folder=subpath(output.record, parent=True),
    shell:
        "python -m opset_atlas --log {log} audit --spec {params.spec:q} --limits @{params.limits}"
        " --again {params.again:q} --results {params.results}"
        " --output {params.folder}"
