"""export: one model through one exporter at every requested opset.

in   the frozen model; for the converter, also the sweep that it starts from
out  cells/opset_NN.onnx, record.json (what each file is), timing.json

The outputs are updated, not replaced: a new opset exports only that opset.
"""


rule export:
    input:
        sources=of_user(jobs.sources),
        define="<results>/define/{model}/record.json",
        # Tensors are tracked by the hashes in the record, not by their size and age.
        weights=ancient("<results>/define/{model}/weights.safetensors"),
        inputs=ancient("<results>/define/{model}/inputs.safetensors"),
    output:
        record=update("<results>/export/{model}/{exporter}/record.json"),
        timing=update("<results>/export/{model}/{exporter}/timing.json"),
        cells=update(directory("<results>/export/{model}/{exporter}/cells")),
    log:
        "<logs>/export/{model}/{exporter}.log",
    wildcard_constraints:
        exporter=jobs.exporters_that(convert=False),
    conda:
        "../../envs/export.yaml"
    threads: 1
    resources:
        mem_mb=jobs.memory(1000, 5),
        runtime=60,
    params:
        code=of_spec.code_of("export"),
        spec=specs.of("export"),
        limits=LIMITS,
        again=specs.again(below("export/{model}/{exporter}/record.json")),
        level=of_job.level,
        base="",
        define=subpath(input.define, parent=True),
        folder=subpath(output.record, parent=True),
    shell:
        # The torch.export exporter orders some values by iterating over a set of strings.
        "PYTHONHASHSEED=0 python -m opset_atlas --log {log} --level {params.level} export --spec {params.spec:q}"
        " --limits @{params.limits} --again {params.again:q} --define {params.define}"
        " {params.base} --code {params.code} --output {params.folder}"


use rule export as convert with:
    input:
        sources=of_user(jobs.sources),
        define="<results>/define/{model}/record.json",
        base=jobs.base,
        base_cells=ancient(jobs.base_cells),
    wildcard_constraints:
        exporter=jobs.exporters_that(convert=True),
    params:
        code=of_spec.code_of("export"),
        spec=specs.of("export"),
        again=specs.again(below("export/{model}/{exporter}/record.json")),
        level=of_job.level,
        base=of_job.base_option,
        define=subpath(input.define, parent=True),
        folder=subpath(output.record, parent=True),
