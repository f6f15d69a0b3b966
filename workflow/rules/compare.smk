"""compare: what differs between adjacent opsets of a sweep and between exporters, and why.

in   the graphs of a model, as data
out  record.json: for each exporter, the steps with changes and causes, and the ranges without
     changes; for each pair of exporters, what differs at the same opset
"""


rule compare:
    input:
        record="<results>/dump/{model}/record.json",
        graphs=ancient("<results>/dump/{model}/graphs"),
        export=jobs.exports,
    output:
        record="<results>/compare/{model}/record.json",
    log:
        "<logs>/compare/{model}.log",
    conda:
        "../../envs/onnx.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        code=of_spec.code("compare"),
        spec=specs.of("compare"),
        limits=LIMITS,
        again=specs.again(below("compare/{model}/record.json")),
        dump=subpath(input.record, parent=True),
        export=of_job.folder_of_sweeps,
    shell:
        "python -m opset_atlas --log {log} compare --limits @{params.limits} --again {params.again:q}"
        " --dump {params.dump} --export {params.export} --output {output.record}"
