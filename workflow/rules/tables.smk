"""tables: all findings, as files for further processing.

in   the records of every stage
out  tables/*.csv and .json; answer.json, what the run says in a few lines
"""


rule tables:
    input:
        define=jobs.per_model("<results>/define/{model}/record.json"),
        export=jobs.per_sweep("record.json"),
        timing=jobs.per_sweep("timing.json"),
        dump=jobs.per_model("<results>/dump/{model}/record.json"),
        graphs=ancient(jobs.per_model("<results>/dump/{model}/graphs")),
        compare=jobs.per_model("<results>/compare/{model}/record.json"),
        located=jobs.per_model("<results>/locate/{model}/record.json"),
        audit=jobs.audits(),
        verdicts="<results>/judge/verdicts.json",
    output:
        csv=[
            report(
                f"<results>/tables/{table}.csv",
                category="Tables",
                labels={"table": table},
                caption="../captions/tables.rst",
            )
            for table in jobs.tables()
        ],
        json=collect("<results>/tables/{table}.json", table=jobs.tables()),
        answer="<results>/answer.json",
    log:
        "<logs>/tables.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=of_spec.code("tables"),
        spec=report_spec(),
        run=RUN,
        results=subpath(input.verdicts, ancestor=2),
        folder=of_job.folder_of_tables,
    shell:
        "python -m opset_atlas --log {log} tables --spec @{params.run} --results {params.results}"
        " --output {params.folder} --answer {output.answer}"
