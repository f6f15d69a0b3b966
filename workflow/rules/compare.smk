"""compare: what differs between neighbouring opsets of a sweep, and why.

in   the graphs of the sweep, as data
out  record.json: per step the changes with their causes; the ranges in which nothing changes

contrast: what differs between exporters at one opset, per model.
"""


rule compare:
    input:
        record="<results>/dump/{model}/{exporter}/record.json",
        graphs=ancient("<results>/dump/{model}/{exporter}/graphs"),
        export="<results>/export/{model}/{exporter}/record.json",
    output:
        "<results>/compare/{model}/{exporter}/record.json",
    log:
        "<logs>/compare/{model}/{exporter}.log",
    conda:
        "../../envs/onnx.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code("compare", *(f"causes.{name}" for name in sources.plugins("causes"))),
        spec=compare_spec,
        dump=subpath(input.record, parent=True),
        export=subpath(input.export, parent=True),
    shell:
        "python -m atlas --log {log} compare --dump {params.dump} --export {params.export}"
        " --output {output}"


rule contrast:
    input:
        record=model_dumps,
        graphs=ancient(model_graphs),
        export=model_exports,
    output:
        "<results>/contrast/{model}/record.json",
    log:
        "<logs>/contrast/{model}.log",
    conda:
        "../../envs/onnx.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code("contrast", *(f"causes.{name}" for name in sources.plugins("causes"))),
        spec=contrast_spec,
        exporters=model_exporters,
        dump=dump_of_model,
        export=export_of_model,
    shell:
        "python -m atlas --log {log} contrast --model {wildcards.model} --dump {params.dump}"
        " --export {params.export} --exporters {params.exporters} --output {output}"
