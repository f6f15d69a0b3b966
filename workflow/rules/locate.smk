"""locate: where a wrong result begins, and a reproducer of it, per model.

in   the parity records of all the model's sweeps, their files, the frozen model, the tolerances
out  record.json; reproducers/{exporter}/opset_NN: the smallest cut that shows it, arrays, a script

Judges by itself: a model of which nothing is wrong costs reading its records.
"""


rule locate:
    input:
        sources=model_sources,
        parity=model_parity,
        export=model_exports,
        cells=ancient(model_cells),
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
        mem_mb=memory(1500, 4),
        runtime=60,
    params:
        code=code("locate", *(f"runtimes.{name}" for name in plugins.names("runtimes"))),
        spec=locate_spec,
        define=subpath(input.define, parent=True),
        export=export_of_model,
        parity=parity_of_model,
        folder=subpath(output.record, parent=True),
    shell:
        "python -m opset_atlas --log {log} locate --spec {params.spec:q} --define {params.define}"
        " --export {params.export} --parity {params.parity} --output {params.folder}"
