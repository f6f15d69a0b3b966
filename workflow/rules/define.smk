"""define: from a factory or an ONNX file to frozen weights, inputs and reference outputs.

in   the user's files that the model is made from
out  record.json (hashes, signature, versions), weights, inputs and reference as safetensors
"""


rule define:
    input:
        sources=of_user(jobs.sources),
    output:
        record="<results>/define/{model}/record.json",
        weights="<results>/define/{model}/weights.safetensors",
        inputs="<results>/define/{model}/inputs.safetensors",
        reference="<results>/define/{model}/reference.safetensors",
    log:
        "<logs>/define/{model}.log",
    conda:
        "../../envs/export.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory_of_definition,
        runtime=10,
    params:
        code=of_spec.code("define"),
        spec=specs.of("define"),
        limits=LIMITS,
        again=specs.define_again(below("define/{model}/record.json")),
        folder=subpath(output.record, parent=True),
    shell:
        "python -m opset_atlas --log {log} define --spec {params.spec:q} --limits @{params.limits}"
        " --again {params.again:q} --output {params.folder}"
