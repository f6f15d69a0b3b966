"""dump: from ONNX files to graphs as data, text and pictures, once per distinct graph.

in   the sweep's record and files
out  record.json (which opset has which graph), graphs/DIGEST.json, .txt, .svg
"""


rule dump:
    input:
        record="<results>/export/{model}/{exporter}/record.json",
        cells=ancient("<results>/export/{model}/{exporter}/cells"),
    output:
        record="<results>/dump/{model}/{exporter}/record.json",
        graphs=directory("<results>/dump/{model}/{exporter}/graphs"),
    log:
        "<logs>/dump/{model}/{exporter}.log",
    conda:
        "../../envs/onnx.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code("dump"),
        spec=dump_spec,
        export=subpath(input.record, parent=True),
        folder=subpath(output.record, parent=True),
    shell:
        "python -m atlas --log {log} dump --export {params.export} --output {params.folder}"
