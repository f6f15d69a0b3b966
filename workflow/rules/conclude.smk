"""conclude: ends the run with an error where opset-atlas itself failed at some model.

in   the tables and the report, which are made in any case
out  a mark that nothing of the kind happened
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
        # To the terminal too: it is what the run comes to.
        "python -m opset_atlas conclude {params.results} 2>&1 | tee {log}"
