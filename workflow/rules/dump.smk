"""dump: from ONNX files to graphs as data, text and pictures, once per distinct graph of a model.

in   the records and files of every exporter
out  record.json (which exporter and opset has which graph), graphs/DIGEST.json, .txt, .svg
"""


rule dump:
    input:
        export=jobs.exports,
        cells=ancient(jobs.cells),
    output:
        record="<results>/dump/{model}/record.json",
        graphs=directory("<results>/dump/{model}/graphs"),
    log:
        "<logs>/dump/{model}.log",
    conda:
        "../../envs/onnx.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        code=of_spec.code("dump"),
        spec=specs.of("dump"),
        limits=LIMITS,
        again=specs.again(below("dump/{model}/record.json")),
        exporters=jobs.exporters,
        export=of_job.folder_of_sweeps,
        folder=subpath(output.record, parent=True),
    shell:
        "python -m opset_atlas --log {log} dump --limits @{params.limits} --again {params.again:q}"
        " --export {params.export} --exporters {params.exporters} --output {params.folder}"
