"""define: from a factory or an ONNX file to frozen weights, inputs and reference outputs.

in   the user's files that make the model
out  record.json (hashes, signature, versions), weights, inputs and reference as safetensors
"""


rule define:
    input:
        sources=model_sources,
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
        mem_mb=define_memory,
        runtime=10,
    params:
        code=code("define"),
        spec=define_spec,
        folder=subpath(output.record, parent=True),
    shell:
        "python -m opset_atlas --log {log} define --spec {params.spec:q} --output {params.folder}"
