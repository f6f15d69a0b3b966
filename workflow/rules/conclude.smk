"""conclude: end the run with an error if opset-atlas itself failed on any model.

in   the tables and the report, which are made in either case
out  a marker file that no such failure happened
"""


rule conclude:
    input:
        failures="<results>/tables/failures.json",
        report="<results>/report",
    output:
        touch("<results>/concluded"),
    log:
        "<logs>/conclude.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=of_spec.code("conclude"),
        results=subpath(input.report, parent=True),
    shell:
        "python -m opset_atlas conclude {params.results} >{log} 2>&1"
